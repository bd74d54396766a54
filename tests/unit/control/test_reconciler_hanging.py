"""Loads that never end: the time that they have, and what a newer desired state does to them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from plimsoll.bundle.folder import Bundle
from plimsoll.control.desired_state import DesiredVersion
from plimsoll.control.version_registry import VersionState
from plimsoll.inference.payloads import Target

from tests.conftest import MakeBundle
from tests.unit.control.serving import ScriptedLoader, Serving
from tests.unit.eventually import eventually

READY, FAILED, LOADING = VersionState.READY, VersionState.FAILED, VersionState.LOADING


class Hanging:
    """A step that hangs for one version until it is released."""

    def __init__(self, version: str = "1") -> None:
        self._version = version
        self.entered = 0
        self.release = threading.Event()

    def __call__(self, bundle: Bundle) -> None:
        """Hang, if it is the version's turn."""
        if bundle.manifest.version == self._version:
            self.entered += 1
            assert self.release.wait(60)


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    """Version 1 hangs; released at the end, so that no thread outlives the test for long."""
    made = Hanging()
    yield made
    made.release.set()


@pytest.fixture(autouse=True)
def _three_versions(make_tiny_bundle: MakeBundle) -> None:
    for version in ("1", "2", "3"):
        make_tiny_bundle(version=version)


@pytest.mark.parametrize(("step", "state"), [("load", "loading"), ("prove", "verifying"), ("warm", "warming")])
async def test_a_step_that_hangs_fails_by_the_budget_and_the_others_load(
    tmp_path: Path, hanging: Hanging, step: str, state: str
) -> None:
    serving = Serving(tmp_path, ScriptedLoader(**{step: hanging}), start_seconds=2)
    await serving.reconcile("1", "2")
    assert serving.states == {"1": FAILED, "2": READY}
    assert serving.reason("1") == (
        f"check 'start-up' failed: it was still {state} after 2 s (PLIMSOLL_START_SECONDS), and was left behind"
    )
    assert serving.watcher.heard == ["failed 1 start-up", "ready 2"]


async def test_what_a_load_gives_after_it_was_given_up_is_not_used(tmp_path: Path, hanging: Hanging) -> None:
    loader = ScriptedLoader(load=hanging)
    serving = Serving(tmp_path, loader, start_seconds=1)
    await serving.reconcile("1")
    hanging.release.set()
    await serving.reconcile("1", "2")
    assert serving.states == {"1": FAILED, "2": READY}
    assert ("prove", "1") not in loader.steps


@pytest.mark.parametrize(
    "newer",
    [DesiredVersion(version="2"), DesiredVersion(version="1", generation=1)],
    ids=["another version", "another generation"],
)
async def test_a_desired_state_that_no_longer_asks_for_a_load_leaves_it_behind_at_once(
    tmp_path: Path, hanging: Hanging, newer: DesiredVersion, caplog: pytest.LogCaptureFixture
) -> None:
    def once(bundle: Bundle) -> None:
        if not hanging.entered:
            hanging(bundle)

    serving = Serving(tmp_path, ScriptedLoader(load=once))
    first = asyncio.create_task(serving.reconcile("1"))
    await eventually(lambda: hanging.entered == 1)
    await serving.reconcile(newer)
    await first
    assert serving.states == {newer.version: READY}
    assert serving.watcher.heard == [f"ready {newer.version}"]
    assert "model tiny version 1 is no longer wanted: its load was left behind in state 'loading'" in caplog.text


async def test_a_load_that_is_still_asked_for_goes_on(tmp_path: Path, hanging: Hanging) -> None:
    serving = Serving(tmp_path, ScriptedLoader(load=hanging))
    first = asyncio.create_task(serving.reconcile("1"))
    await eventually(lambda: hanging.entered == 1)
    second = asyncio.create_task(serving.reconcile("1", "2"))
    await eventually(lambda: serving.states == {"1": LOADING, "2": LOADING})
    hanging.release.set()
    await asyncio.gather(first, second)
    assert serving.states == {"1": READY, "2": READY}
    assert hanging.entered == 1


async def test_a_version_that_was_left_behind_is_loaded_when_it_is_asked_for_again(
    tmp_path: Path, hanging: Hanging
) -> None:
    serving = Serving(tmp_path, ScriptedLoader(load=hanging))
    first = asyncio.create_task(serving.reconcile("1"))
    await eventually(lambda: hanging.entered == 1)
    hanging.release.set()
    away, back = asyncio.create_task(serving.reconcile("2")), asyncio.create_task(serving.reconcile("1"))
    await asyncio.gather(first, away, back)
    assert serving.states == {"1": READY}


async def test_a_reload_that_hangs_and_is_taken_back_leaves_the_old_model_answering(
    tmp_path: Path, hanging: Hanging
) -> None:
    hanging.release.set()
    serving = Serving(tmp_path, ScriptedLoader(load=hanging))
    await serving.reconcile("1")
    hanging.release.clear()
    reload = asyncio.create_task(serving.reconcile(DesiredVersion(version="1", generation=1)))
    await eventually(lambda: hanging.entered == 2)
    await serving.reconcile("1", "2")
    await reload
    assert serving.states == {"1": READY, "2": READY}
    assert serving.registry.table.select(Target("tiny", "1")).version == "1"
    assert serving.watcher.heard == ["ready 1", "ready 2"]


async def test_only_the_newest_desired_state_is_carried_out_to_its_end(tmp_path: Path, hanging: Hanging) -> None:
    serving = Serving(tmp_path, ScriptedLoader(load=hanging))
    states = [["1", "2"], ["3"]]
    first = asyncio.create_task(serving.reconcile(*states[0]))
    await eventually(lambda: hanging.entered == 1)
    second = asyncio.create_task(serving.reconcile(*states[1]))
    assert [await first, await second] == [False, True]
    assert serving.states == {"3": READY}
    assert serving.watcher.heard == ["ready 3"]
