"""A version that is let go leaves nothing behind, also where the garbage collector never looks."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest
from plimsoll.inference.admission import AdmissionLimits
from plimsoll.inference.batch_lane import BatchLane, LaneLimits
from plimsoll.inference.batch_limits import BatchLimits

from tests.doubles.models import PoisonedModel

LIMITS = LaneLimits(AdmissionLimits(10, bytes=1000), BatchLimits(max_rows=4, max_wait_seconds=0))


async def never() -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("inline_rows", [0, 100])
async def test_a_closed_lane_and_its_model_are_freed_by_their_last_reference(inline_rows: int) -> None:
    model = PoisonedModel(inline_rows)
    lane = BatchLane(model, LIMITS)
    for number in range(3):
        with lane.admission.admit(10):
            entry = lane.reserve(1)
            entry.inputs["x"][:] = number
            await lane.answer(entry, asyncio.get_running_loop().time() + 10, never)
            del entry
    await lane.drain()
    lane.close()
    await asyncio.sleep(0.01)  # the tasks that watched the clients have ended
    left: list[weakref.ref[BatchLane] | weakref.ref[PoisonedModel]] = [weakref.ref(lane), weakref.ref(model)]
    gc.collect()
    gc.disable()
    try:
        del lane, model
        assert [each() for each in left] == [None, None]
    finally:
        gc.enable()
