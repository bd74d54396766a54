from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from service.bundle.folder import Bundle
from service.bundle.shelf import Shelf
from service.control.desired_state import DesiredModel, DesiredState, DesiredVersion
from service.control.reconciler import Reconciler
from service.control.version_registry import VersionRegistry, VersionState, VersionStatus
from service.errors import BundleError, DeviceError
from tests.conftest import MakeBundle
from tests.doubles.models import EchoModel

Step = Callable[[Bundle], None]


class ScriptedLoader:
    """Loads echo models; `on` holds what else happens at a step, and `steps` what was done, in order and where."""

    def __init__(self, **on: Step) -> None:
        self._on = on
        self.steps: list[tuple[str, str]] = []
        self.threads: set[str] = set()

    def load(self, bundle: Bundle) -> EchoModel:
        """An echo model."""
        self._step("load", bundle)
        self._bundle = bundle
        return EchoModel()

    def prove(self, bundle: Bundle, model: EchoModel) -> None:
        """Whatever it is, it is proven."""
        assert isinstance(model, EchoModel)
        self._step("prove", bundle)

    def warm(self, model: EchoModel) -> dict[int, float]:
        """Takes half a second, it says."""
        assert isinstance(model, EchoModel)
        self._step("warm", self._bundle)
        return {1: 0.5}

    def _step(self, step: str, bundle: Bundle) -> None:
        self.steps.append((step, bundle.manifest.version))
        self.threads.add(threading.current_thread().name)
        if step in self._on:
            self._on[step](bundle)


class Serving:
    """A reconciler with its registry and what it reported."""

    def __init__(self, folder: Path, loader: ScriptedLoader) -> None:
        self.registry = VersionRegistry()
        self.reported: list[VersionStatus] = []
        self.reconciler = Reconciler(Shelf(folder / "models"), loader, self.registry, self.reported.append)

    async def reconcile(self, *versions: str) -> None:
        """Desire these versions of the tiny model."""
        listed = [DesiredVersion(version=version) for version in versions]
        models = [DesiredModel(name="tiny", versions=listed)] if listed else []
        await self.reconciler.reconcile(DesiredState(models=models))

    @property
    def states(self) -> dict[str, VersionState]:
        """State by version."""
        return {status.version: status.state for status in self.registry.statuses()}


def refuse(check: str, version: str) -> Step:
    def step(bundle: Bundle) -> None:
        if bundle.manifest.version == version:
            raise BundleError(check, "it is broken")

    return step


async def test_every_version_is_loaded_proven_and_warmed_one_after_the_other(
    make_tiny_bundle: MakeBundle, tmp_path: Path
) -> None:
    make_tiny_bundle(version="1")
    make_tiny_bundle(version="2")
    loader = ScriptedLoader()
    serving = Serving(tmp_path, loader)
    await serving.reconcile("2", "1")
    assert loader.steps == [(step, version) for version in ("2", "1") for step in ("load", "prove", "warm")]
    assert serving.states == {"1": VersionState.READY, "2": VersionState.READY}
    assert threading.current_thread().name not in loader.threads


async def test_a_ready_version_is_reported_with_what_was_found_out(
    make_tiny_bundle: MakeBundle, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bundle = make_tiny_bundle()
    serving = Serving(tmp_path, ScriptedLoader())
    with caplog.at_level(logging.INFO, "service"):
        await serving.reconcile("1")
    (status,) = serving.reported
    assert status.report is not None
    assert (status.report.digest, status.report.device, status.report.parameters) == (bundle.digest, "cpu", 0)
    assert status.report.manifest == bundle.manifest
    assert status.report.batch_seconds == {1: 0.5}
    assert status.report.load_seconds >= 0
    assert "model tiny version 1 is ready on cpu (0 parameters, " in caplog.text


async def test_all_versions_are_known_while_the_first_is_still_loading(
    make_tiny_bundle: MakeBundle, tmp_path: Path
) -> None:
    make_tiny_bundle(version="1")
    make_tiny_bundle(version="2")
    seen: dict[str, dict[str, VersionState]] = {}
    serving = Serving(
        tmp_path,
        ScriptedLoader(**{step: lambda bundle, at=step: note(bundle, at) for step in ("load", "prove", "warm")}),
    )

    def note(bundle: Bundle, at: str) -> None:
        seen[f"{at} {bundle.manifest.version}"] = serving.states

    await serving.reconcile("1", "2")
    assert seen["load 1"] == {"1": VersionState.LOADING, "2": VersionState.LOADING}
    assert seen["prove 1"]["1"] is VersionState.VERIFYING
    assert seen["warm 1"]["1"] is VersionState.WARMING
    assert seen["load 2"] == {"1": VersionState.READY, "2": VersionState.LOADING}


@pytest.mark.parametrize(("step", "check"), [("load", "weights"), ("prove", "golden"), ("warm", "signature")])
async def test_a_failed_check_is_logged_and_told_and_the_others_go_on(
    make_tiny_bundle: MakeBundle, tmp_path: Path, caplog: pytest.LogCaptureFixture, step: str, check: str
) -> None:
    make_tiny_bundle(version="1")
    make_tiny_bundle(version="2")
    serving = Serving(tmp_path, ScriptedLoader(**{step: refuse(check, "1")}))
    await serving.reconcile("1", "2")
    assert serving.states == {"1": VersionState.FAILED, "2": VersionState.READY}
    assert serving.registry.status("tiny", "1").reason == f"check '{check}' failed: it is broken"
    assert [status.version for status in serving.reported] == ["2"]
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.getMessage() == f"model tiny version 1 is not served: check '{check}' failed: it is broken"
    assert record.__dict__["check"] == check


async def test_a_bundle_that_is_tampered_with_or_missing_is_not_even_loaded(
    make_tiny_bundle: MakeBundle, tmp_path: Path
) -> None:
    bundle = make_tiny_bundle()
    with (bundle.path / "weights.safetensors").open("ab") as stream:
        stream.write(b"x")
    loader = ScriptedLoader()
    serving = Serving(tmp_path, loader)
    await serving.reconcile("1", "7")
    assert loader.steps == []
    reasons = [status.reason or "" for status in serving.registry.statuses()]
    assert reasons[0].startswith("check 'digest' failed: weights.safetensors was changed after the bundle was made")
    assert reasons[1] == "check 'files' failed: there is no bundle of tiny version 7; bundles there: tiny 1"


async def test_an_error_without_a_check_is_told_by_its_code(make_tiny_bundle: MakeBundle, tmp_path: Path) -> None:
    make_tiny_bundle()

    def refuse_device(_: Bundle) -> None:
        raise DeviceError("no such device")

    serving = Serving(tmp_path, ScriptedLoader(load=refuse_device))
    await serving.reconcile("1")
    assert serving.registry.status("tiny", "1").reason == "check 'internal' failed: no such device"


async def test_a_break_down_is_logged_with_its_trace_and_not_told_to_clients(
    make_tiny_bundle: MakeBundle, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_tiny_bundle(version="1")
    make_tiny_bundle(version="2")

    def break_down(bundle: Bundle) -> None:
        if bundle.manifest.version == "1":
            raise ZeroDivisionError("at /srv/secret")

    serving = Serving(tmp_path, ScriptedLoader(prove=break_down))
    await serving.reconcile("1", "2")
    assert serving.states == {"1": VersionState.FAILED, "2": VersionState.READY}
    assert serving.registry.status("tiny", "1").reason == "loading broke down; the server's log has the trace"
    assert "ZeroDivisionError: at /srv/secret" in caplog.text


async def test_nothing_to_serve_is_an_error_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    serving = Serving(tmp_path, ScriptedLoader())
    await serving.reconcile()
    assert serving.registry.statuses() == []
    assert "there is nothing to serve: no bundle was found and no desired state names one" in caplog.text


async def test_the_event_loop_turns_while_a_version_loads(make_tiny_bundle: MakeBundle, tmp_path: Path) -> None:
    make_tiny_bundle()
    loop, entered, release = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def wait(_: Bundle) -> None:
        loop.call_soon_threadsafe(entered.set)
        assert release.wait(timeout=30), "the event loop stood still"

    serving = Serving(tmp_path, ScriptedLoader(load=wait))
    loading = asyncio.create_task(serving.reconcile("1"))
    await entered.wait()
    assert serving.states == {"1": VersionState.LOADING}
    release.set()
    await loading
    assert serving.states == {"1": VersionState.READY}
