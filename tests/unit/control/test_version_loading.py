"""Tests the loading of one version: its steps, its time limit, and the check of its signature."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from plimsoll.bundle.folder import Bundle
from plimsoll.bundle.shelf import Shelf
from plimsoll.control.desired_state import DesiredModel, DesiredState, DesiredVersion
from plimsoll.control.version_loading import LeftBehind, VersionLoading
from plimsoll.control.version_registry import VersionRegistry
from plimsoll.errors import BundleError
from plimsoll.inference.served_version import ServedVersion
from plimsoll.inference.task_threads import BoundTask

from tests.conftest import MakeBundle
from tests.doubles.bundles import replace_file
from tests.unit.control.serving import ScriptedLoader, Step, bind, served_version
from tests.unit.eventually import eventually


def waits_for(release: threading.Event) -> Step:
    """A step that takes until it is released."""

    def wait(_: Bundle) -> None:
        assert release.wait(30), "nobody released the load"

    return wait


class Loading:
    """A `VersionLoading` of the tiny model, its registry, and the states that the registry has shown."""

    def __init__(self, start_seconds: float = 60, **on: Step) -> None:
        self.loader = ScriptedLoader(**on)
        self.shown: list[str] = []
        self.registry = VersionRegistry(
            on_change=lambda statuses: self.shown.extend(
                each.state.value for each in statuses if each.state.value not in self.shown[-1:]
            )
        )
        versions = [DesiredVersion(version=each) for each in ("1", "2")]
        self.registry.desire(DesiredState(models=[DesiredModel(name="tiny", versions=versions)]))
        self.loading = VersionLoading(Shelf(Path("models")), self.loader, self.registry, start_seconds, bind)


async def test_a_version_goes_through_every_step_and_its_report_says_what_was_found(
    make_tiny_bundle: MakeBundle,
) -> None:
    bundle, it = make_tiny_bundle(), Loading()
    loaded = await it.loading.load("tiny", "1", force=False)
    model, report = loaded.model, loaded.report
    assert it.loader.steps == [(step, "1") for step in ("load", "prove", "prove_requests", "warm")]
    assert threading.current_thread().name not in it.loader.threads
    assert it.registry.status("tiny", "1").state == "warming"
    assert (report.digest, report.device, report.batch_seconds) == (bundle.digest, "cpu", {1: 0.5})
    assert report.inline_rows == model.inline_rows()
    assert {name: row.shape for name, row in report.example.items()} == {"input": (4,)}


@pytest.mark.parametrize("step", ["load", "prove", "prove_requests", "warm"])
async def test_a_step_that_fails_ends_the_load(make_tiny_bundle: MakeBundle, step: str) -> None:
    def fail(_: Bundle) -> None:
        raise BundleError("golden", "it is off")

    make_tiny_bundle()
    it = Loading(60, **{step: fail})
    with pytest.raises(BundleError, match="it is off"):
        await it.loading.load("tiny", "1", force=False)
    assert it.loader.steps[-1] == (step, "1")
    assert it.loading.key is None


async def test_a_file_with_another_digest_is_never_loaded(make_tiny_bundle: MakeBundle) -> None:
    bundle, it = make_tiny_bundle(), Loading()
    (bundle.path / "weights.safetensors").write_bytes(b"another")
    with pytest.raises(BundleError):
        await it.loading.load("tiny", "1", force=False)
    assert it.loader.steps == []


async def test_a_load_that_takes_too_long_is_left_behind_and_says_where_it_was(make_tiny_bundle: MakeBundle) -> None:
    make_tiny_bundle()
    release = threading.Event()
    it = Loading(start_seconds=0.3, prove=waits_for(release))
    try:
        with pytest.raises(BundleError) as caught:
            await it.loading.load("tiny", "1", force=False)
    finally:
        release.set()
    assert caught.value.check == "start-up"
    assert "it was still verifying after 0.3 s (PLIMSOLL_START_SECONDS)" in caught.value.message
    assert it.loader.model.interrupted


async def test_a_factory_of_a_task_that_does_not_return_is_left_behind_by_name(make_tiny_bundle: MakeBundle) -> None:
    release = threading.Event()

    def hang(bundle: Bundle) -> BoundTask:
        waits_for(release)(bundle)
        return bind(bundle)

    make_tiny_bundle()
    it = Loading()
    loading = VersionLoading(Shelf(Path("models")), it.loader, it.registry, 0.3, hang)
    try:
        with pytest.raises(BundleError) as caught:
            await loading.load("tiny", "1", force=False)
    finally:
        release.set()
    assert caught.value.check == "task"
    assert caught.value.message == (
        "the factory of its task did not return within 0.3 s (PLIMSOLL_START_SECONDS), and was left behind"
    )


async def test_a_load_that_nobody_asks_for_any_more_is_left_behind(make_tiny_bundle: MakeBundle) -> None:
    make_tiny_bundle()
    release = threading.Event()
    it = Loading(load=waits_for(release))
    task = asyncio.create_task(it.loading.load("tiny", "1", force=False))
    try:
        await eventually(lambda: it.loader.steps)
        assert it.loading.key == ("tiny", "1")
        it.loading.leave_behind()
        with pytest.raises(LeftBehind):
            await task
    finally:
        release.set()
    assert it.loading.key is None


async def test_where_nothing_is_being_loaded_there_is_nothing_to_leave_behind() -> None:
    Loading().loading.leave_behind()


async def test_an_operators_own_timeout_is_not_taken_for_the_limit(make_tiny_bundle: MakeBundle) -> None:
    def fail(_: Bundle) -> None:
        raise TimeoutError("of a file server")

    make_tiny_bundle()
    with pytest.raises(TimeoutError, match="of a file server"):
        await Loading(load=fail).loading.load("tiny", "1", force=False)


@pytest.mark.parametrize("force", [False, True])
async def test_a_signature_that_would_break_clients_needs_force(make_tiny_bundle: MakeBundle, *, force: bool) -> None:
    make_tiny_bundle(version="2")
    it = Loading()
    report = (await it.loading.load("tiny", "2", force=False)).report
    it.registry.ready(await asyncio.to_thread(served_version, "tiny", "1"), report)
    if force:
        await it.loading.load("tiny", "2", force=True)
    else:
        with pytest.raises(BundleError, match="another signature than version 1") as caught:
            await it.loading.load("tiny", "2", force=False)
        assert caught.value.check == "signature"


async def test_a_model_that_nothing_can_ask_is_refused_before_its_weights_are_read(
    make_tiny_bundle: MakeBundle,
) -> None:
    def refuse(_: Bundle) -> BoundTask:
        raise BundleError("task", "nothing can ask it")

    make_tiny_bundle()
    it = Loading()
    loading = VersionLoading(Shelf(Path("models")), it.loader, it.registry, 60, refuse)
    with pytest.raises(BundleError, match="nothing can ask it"):
        await loading.load("tiny", "1", force=False)
    assert it.loader.steps == []


async def test_a_changed_file_gives_another_digest(make_tiny_bundle: MakeBundle) -> None:
    it = Loading()
    before = make_tiny_bundle()
    first = (await it.loading.load("tiny", "1", force=False)).report
    replace_file(before, "weights.safetensors", (before.path / "weights.safetensors").read_bytes() + b" ")
    second = (await it.loading.load("tiny", "1", force=False)).report
    assert first.digest != second.digest


async def test_another_task_would_break_clients_too(make_tiny_bundle: MakeBundle) -> None:
    make_tiny_bundle(version="1")
    make_tiny_bundle(version="2", task="tensors")
    it = Loading()
    first = await it.loading.load("tiny", "1", force=False)
    lane = await asyncio.to_thread(served_version, "tiny", "1")
    it.registry.ready(ServedVersion("tiny", "1", first.model.signature, first.task.task, lane.lane), first.report)
    with pytest.raises(BundleError, match="has the task tensors, and version 1"):
        await it.loading.load("tiny", "2", force=False)
    assert (await it.loading.load("tiny", "2", force=True)).report.manifest.task == "tensors"
