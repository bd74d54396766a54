"""A model that turns out slow leaves the event loop by itself."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st
from plimsoll.inference.admission import AdmissionLimits
from plimsoll.inference.batch_lane import BatchLane, LaneLimits
from plimsoll.inference.batch_limits import BatchLimits
from plimsoll.inference.payloads import Tensors
from plimsoll.inference.placement import Placement, usage_of_thread
from plimsoll.inference.ports import Shapes

from tests.doubles.models import PoisonedModel
from tests.doubles.observers import RecordingLaneObserver
from tests.unit.inference.conftest import OpenBench

BUDGET = 0.001
SLOW = 0.1
INLINE = 64


class Workload:
    """A placement whose thread computes, waits or is kept from running for as long as the test says."""

    def __init__(self) -> None:
        self.observer = RecordingLaneObserver()
        self.cpu, self.waits = 0.0, 0
        self.placement = Placement(lambda _: INLINE, BUDGET, self.observer, lambda: (self.cpu, self.waits))

    def computes(self, rows: int, seconds: float) -> None:
        self.placement.begin()
        self.cpu += seconds
        self.placement.end(rows, seconds)

    def waits_for_something(self, rows: int, seconds: float) -> None:
        self.placement.begin()
        self.waits += 1
        self.placement.end(rows, seconds)

    def is_preempted(self, rows: int, seconds: float) -> None:
        self.placement.begin()
        self.placement.end(rows, seconds)


def test_a_model_that_computes_for_long_leaves_the_event_loop_at_its_third_slow_run() -> None:
    work = Workload()
    lowered = []
    for _ in range(3):
        work.computes(1, SLOW)
        lowered.append(work.placement.inline_rows)
    assert lowered == [INLINE, INLINE, 0]
    assert work.observer.lowered == [(0, 1, SLOW)]


def test_a_model_that_runs_for_seconds_leaves_at_once() -> None:
    work = Workload()
    work.waits_for_something(30, 3.0)
    assert work.placement.inline_rows == 0
    assert work.observer.lowered == [(0, 30, 3.0)]


def test_a_model_that_sleeps_or_waits_leaves_as_well() -> None:
    work = Workload()
    for _ in range(3):
        work.waits_for_something(1, SLOW)
    assert work.placement.inline_rows == 0


def test_slow_runs_count_with_quick_ones_in_between() -> None:
    work = Workload()
    for _ in range(3):
        for _ in range(500):
            work.computes(1, BUDGET / 2)
        work.computes(1, SLOW)
    assert work.placement.inline_rows == 0


def test_slow_runs_are_forgotten_after_many_quick_ones() -> None:
    work = Workload()
    for _ in range(9):
        work.computes(1, SLOW)
        for _ in range(1000):
            work.computes(1, BUDGET / 2)
    assert work.placement.inline_rows == INLINE


@given(st.lists(st.floats(0, 1), max_size=200))
def test_a_busy_machine_moves_nothing(stalls: list[float]) -> None:
    work = Workload()
    for seconds in stalls:
        work.is_preempted(1, seconds)
    assert work.placement.inline_rows == INLINE


def test_only_as_many_rows_leave_as_are_too_slow() -> None:
    work = Workload()
    for _ in range(3):
        work.computes(60, 10 * BUDGET)
    assert work.placement.inline_rows == 6
    for _ in range(100):
        work.computes(6, BUDGET)
    assert work.placement.inline_rows == 6
    assert work.observer.lowered == [(6, 60, 10 * BUDGET)]


@given(st.lists(st.tuples(st.integers(1, INLINE), st.floats(0, 1)), max_size=100))
def test_the_bound_never_rises(runs: list[tuple[int, float]]) -> None:
    work = Workload()
    before = INLINE
    for rows, seconds in runs:
        work.computes(rows, seconds)
        assert 0 <= work.placement.inline_rows <= before
        before = work.placement.inline_rows


def test_each_open_shape_has_a_bound_of_its_own() -> None:
    short, long, unknown = ((8,),), ((64,),), ((9,),)
    observer = RecordingLaneObserver()
    bounds: dict[Shapes, int] = {short: 32, long: 8, (): 32}
    placement = Placement(lambda shapes: bounds.get(shapes, 0), BUDGET, observer)
    assert [placement.inline_rows_of(shapes) for shapes in (short, long, unknown)] == [32, 8, 0]
    assert placement.inline_rows == 32
    placement.end(8, 3.0, long)
    assert placement.inline_rows == 0, "a person sees that rows of some shape have left the event loop"
    assert [placement.inline_rows_of(shapes) for shapes in (short, long, unknown)] == [32, 0, 0]
    placement.end(32, 3.0, short)
    assert [placement.inline_rows_of(shapes) for shapes in (short, long)] == [0, 0]
    assert observer.lowered == [(0, 8, 3.0), (0, 32, 3.0)]


def test_the_operating_system_tells_what_the_thread_used() -> None:
    before = usage_of_thread()
    sum(range(100_000))
    after = usage_of_thread()
    assert after[0] >= before[0]
    assert after[1] >= before[1] >= 0


class SlowOnRealRows(PoisonedModel):
    """Quick on 0; on other numbers each run sleeps, and takes 0.1 seconds of the fake clock."""

    def __init__(self) -> None:
        super().__init__(inline_rows=100)
        self.seconds = 0.0

    def run(self, inputs: Tensors) -> Tensors:
        if inputs["x"].any():
            self.seconds += SLOW
            time.sleep(0.001)
        return super().run(inputs)


def test_a_lane_runs_a_slow_model_on_its_thread_after_three_runs_on_the_loop(open_bench: OpenBench) -> None:
    model = SlowOnRealRows()
    bench = open_bench(model)

    async def made() -> BatchLane:
        limits = LaneLimits(AdmissionLimits(100, bytes=10_000), BatchLimits(4, 0), BUDGET)
        return BatchLane(model, limits, bench.observer, bench.executor, lambda: model.seconds)

    bench.lane = bench.loop.run_until_complete(made())
    for number in (1, 2, 3):
        assert bench.ask_and_settle(number).end == [-number]
    assert bench.lane.inline_rows == 0
    client = bench.ask_and_settle(4)
    ends = [client.end]
    bench.run_next()
    assert [*ends, client.end] == ["waiting", [-4]]
