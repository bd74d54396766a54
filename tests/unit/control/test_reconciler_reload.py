"""A version that is loaded anew while it serves, and lanes that are let go."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from plimsoll.control.desired_state import DesiredLimits, DesiredVersion
from plimsoll.control.version_registry import VersionState
from plimsoll.errors import Draining
from plimsoll.inference.batch_lane import BatchLane
from plimsoll.inference.payloads import Target

from tests.conftest import MakeBundle
from tests.unit.control.serving import Serving, real_loader
from tests.unit.eventually import eventually

READY = VersionState.READY


def again(generation: int) -> DesiredVersion:
    """Version 1 in that generation."""
    return DesiredVersion(version="1", generation=generation)


def is_shut(lane: BatchLane) -> bool:
    """Whether a lane lets nobody in any more."""
    try:
        with lane.admission.admit(1):
            return False
    except Draining:
        return True


@pytest.fixture
async def serving(make_tiny_bundle: MakeBundle, tmp_path: Path) -> AsyncIterator[Serving]:
    """Version 1 of the tiny model, with seed 0, is being served."""
    make_tiny_bundle()
    made = Serving(tmp_path)
    await made.reconcile("1")
    yield made
    await made.reconciler.close()


async def test_a_higher_generation_loads_what_lies_on_the_shelf_now(
    serving: Serving, make_tiny_bundle: MakeBundle, tmp_path: Path
) -> None:
    before = (await serving.ask())[1]
    shutil.rmtree(tmp_path / "models" / "tiny")
    bundle = make_tiny_bundle(seed=7)
    await serving.reconcile("1")
    np.testing.assert_array_equal((await serving.ask())[1], before)
    await serving.reconcile(again(1))
    assert not np.array_equal((await serving.ask())[1], before)
    report = serving.registry.status("tiny", "1").report
    assert report is not None
    assert report.digest == bundle.digest
    assert serving.watcher.heard == ["ready 1", "gone 1", "ready 1"]
    assert [status.report for status in serving.watcher.statuses][2] == report


async def test_a_request_that_is_inside_during_a_reload_is_answered_by_the_model_that_it_came_to(
    serving: Serving, make_tiny_bundle: MakeBundle, tmp_path: Path
) -> None:
    before = (await serving.ask())[1]
    old = serving.registry.table.select(Target("tiny"))
    with old.lane.admission.admit(1):
        shutil.rmtree(tmp_path / "models" / "tiny")
        make_tiny_bundle(seed=7)
        await serving.reconcile(again(1))
        assert serving.states == {"1": READY}
        assert serving.registry.table.select(Target("tiny")).lane is not old.lane
        await eventually(lambda: is_shut(old.lane))
        np.testing.assert_array_equal((await serving.answer(old))[1], before)
        assert not np.array_equal((await serving.ask())[1], before)


async def test_a_reload_of_a_corrupt_bundle_keeps_the_old_model_answering_and_says_why(
    serving: Serving, tmp_path: Path
) -> None:
    before = (await serving.ask())[1]
    (tmp_path / "models" / "tiny" / "1" / "weights.safetensors").write_bytes(b"corrupt")
    await serving.reconcile(again(1))
    assert serving.states == {"1": READY}
    assert serving.reason("1").startswith("check 'digest' failed: weights.safetensors was changed")
    np.testing.assert_array_equal((await serving.ask())[1], before)
    assert serving.watcher.heard == ["ready 1", "failed 1 digest"]
    assert len(serving.lanes) == 1


async def test_a_reload_that_is_mended_needs_a_generation_of_its_own(
    serving: Serving, make_tiny_bundle: MakeBundle, tmp_path: Path
) -> None:
    folder = tmp_path / "models" / "tiny"
    shutil.rmtree(folder)
    await serving.reconcile(again(1))
    assert "there is no bundle of tiny version 1" in serving.reason("1")
    make_tiny_bundle(seed=7)
    await serving.reconcile(again(1))
    assert serving.reason("1") != ""
    await serving.reconcile(again(2))
    assert serving.reason("1") == ""
    assert serving.watcher.heard == ["ready 1", "failed 1 files", "gone 1", "ready 1"]


async def test_a_reload_to_another_signature_is_refused(
    serving: Serving, make_tiny_bundle: MakeBundle, tmp_path: Path
) -> None:
    shutil.rmtree(tmp_path / "models" / "tiny")
    make_tiny_bundle(maximum=2)
    await serving.reconcile(again(1))
    assert "check 'signature' failed" in serving.reason("1")
    await serving.reconcile(DesiredVersion(version="1", generation=2, force=True))
    assert serving.reason("1") == ""


async def test_other_limits_give_a_new_lane_with_these_limits(serving: Serving) -> None:
    await serving.reconcile("1", limits=DesiredLimits(queue_limit=3, max_batch_rows=2))
    old, new = serving.lanes
    assert (new.limits.admission.requests, new.limits.batch.max_rows) == (3, 2)
    assert serving.registry.table.select(Target("tiny")).lane is new
    await eventually(lambda: serving.lanes_let_go == [True, False])
    await serving.reconcile("1", limits=DesiredLimits(queue_limit=3, max_batch_rows=2))
    assert len(serving.lanes) == 2
    await serving.reconcile("1")
    assert serving.lanes[2].limits == old.limits


async def test_requests_across_many_reloads_are_all_answered_each_by_one_of_the_models(
    make_tiny_bundle: MakeBundle, tmp_path: Path
) -> None:
    bundles = [make_tiny_bundle(version=version, seed=int(version)) for version in ("1", "2")]
    serving = Serving(tmp_path, real_loader(inline_budget_seconds=0))
    await serving.reconcile("1", "2")
    expected = {each.manifest.version: (await serving.ask(each.manifest.version))[1] for each in bundles}
    answered: list[str] = []
    done = asyncio.Event()

    async def client() -> None:
        while not done.is_set():
            version, output = await serving.ask()
            np.testing.assert_allclose(output, expected[version], rtol=1e-5)
            answered.append(version)

    clients = [asyncio.create_task(client()) for _ in range(16)]
    for generation in range(1, 9):
        await serving.reconcile(
            DesiredVersion(version="1", generation=generation, weight=50),
            DesiredVersion(version="2", generation=generation, weight=50),
        )
        await serving.reconcile("1" if generation % 2 else "2")
        so_far = len(answered)
        await eventually(lambda so_far=so_far: len(answered) > so_far + 20)  # type: ignore[misc]
    done.set()
    await asyncio.gather(*clients)
    assert set(answered) == {"1", "2"}
    await eventually(lambda: serving.lanes_let_go.count(False) == len(serving.registry.statuses()) == 1)
    await serving.reconciler.close()
    assert all(serving.lanes_let_go)


async def test_closing_lets_every_lane_go_also_those_that_still_drain(serving: Serving) -> None:
    old = serving.registry.table.select(Target("tiny"))
    with old.lane.admission.admit(1):
        await serving.reconcile(again(1))
        await serving.reconcile()
        async with asyncio.timeout(5):
            await serving.reconciler.close()
        assert serving.lanes_let_go == [True, True]


async def test_closing_before_a_drain_could_even_begin_lets_its_lane_go(serving: Serving) -> None:
    await serving.reconcile("1", limits=DesiredLimits(queue_limit=3))
    await serving.reconciler.close()
    await serving.reconciler.close()
    assert serving.lanes_let_go == [True, True]
