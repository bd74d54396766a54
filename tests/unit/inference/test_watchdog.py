"""A forward pass that does not return makes its version stuck, and the process not live after as long again."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from plimsoll.inference.admission import AdmissionLimits
from plimsoll.inference.batch_lane import BatchLane, LaneLimits
from plimsoll.inference.batch_limits import BatchLimits
from plimsoll.inference.payloads import Tensors
from plimsoll.inference.served_version import ServedVersion
from plimsoll.inference.task_threads import THREADS, TaskThreads, UnobservedTask
from plimsoll.inference.watchdog import Watchdog
from plimsoll.tasks.tabular_classification import TabularClassification

from tests.doubles.models import EchoModel, SlowModel

LIMITS = LaneLimits(AdmissionLimits(10, bytes=1000), BatchLimits(max_rows=4, max_wait_seconds=0))
PATIENCE_SECONDS = 30


async def never() -> None:
    await asyncio.Event().wait()


async def ask_for(lane: BatchLane, rows: int) -> None:
    """One answered request of that many rows."""
    entry = lane.reserve(rows)
    entry.inputs["x"][:] = 1
    await lane.answer(entry, asyncio.get_running_loop().time() + PATIENCE_SECONDS, never)


class Clock:
    """Seconds that the test counts."""

    def __init__(self) -> None:
        self.now = 500.0

    def __call__(self) -> float:
        return self.now


class LookingModel(EchoModel):
    """Does what the test says in the middle of a run."""

    def __init__(self, inline_rows: int = 100) -> None:
        super().__init__(inline_rows=inline_rows)
        self.meanwhile: Callable[[], None] = lambda: None

    def run(self, inputs: Tensors) -> Tensors:
        self.meanwhile()
        return super().run(inputs)


class Watch:
    """A watchdog over one version, and what it reported."""

    def __init__(self, stuck_seconds: float = 60.0, warm_up: float = 0.001, warmed_rows: int = 4) -> None:
        self.clock = Clock()
        self.model = LookingModel()
        lane = BatchLane(self.model, LIMITS, stopwatch=self.clock)
        signature = self.model.signature
        self.served = ServedVersion("echo", "1", signature, TabularClassification(signature), lane)
        self.dog = Watchdog(stuck_seconds, self.clock)
        self.dog.watch(self.served, warm_up, warmed_rows)
        self.reported: list[bool] = []

    def seen_after(self, seconds: float) -> tuple[bool, bool]:
        """Whether, after so many seconds more, the version is stuck, and the process has been stuck too long."""
        self.clock.now += seconds
        self.dog.look(self.report)
        return bool(self.reported and self.reported[-1]), self.dog.overdue()

    def see_after(self, seconds: float) -> None:
        """Look, and nothing else."""
        self.seen_after(seconds)

    def report(self, served: ServedVersion, stuck: bool) -> None:
        assert served is self.served
        self.reported.append(stuck)

    async def run(self, rows: int, meanwhile: Callable[[], None]) -> None:
        """One forward pass, with the test at work in the middle of it."""
        self.model.meanwhile = meanwhile
        await ask_for(self.served.lane, rows)


async def test_a_version_is_stuck_after_the_limit_and_overdue_after_as_long_again() -> None:
    watch = Watch()
    seen: list[tuple[bool, bool]] = []
    await watch.run(1, lambda: seen.extend(watch.seen_after(seconds) for seconds in (60.0, 1.0, 59.0, 1.0, 3600.0)))
    assert seen == [(False, False), (True, False), (True, False), (True, True), (True, True)]
    assert watch.reported == [True], "it is reported once"


async def test_a_version_whose_forward_pass_returns_after_all_is_stuck_no_longer() -> None:
    watch = Watch()
    await watch.run(1, lambda: watch.see_after(500.0))
    assert watch.seen_after(0) == (False, False)
    assert watch.reported == [True, False]
    await watch.run(1, lambda: watch.see_after(59.0))
    assert watch.reported == [True, False]


async def test_a_version_that_waits_for_requests_is_not_stuck() -> None:
    watch = Watch()
    assert watch.seen_after(1e6) == (False, False)


async def test_a_slow_model_may_take_ten_times_its_slowest_warm_up() -> None:
    watch = Watch(stuck_seconds=60.0, warm_up=30.0)
    seen: list[tuple[bool, bool]] = []
    await watch.run(4, lambda: seen.extend(watch.seen_after(seconds) for seconds in (300.0, 1.0, 299.0, 1.0)))
    assert seen == [(False, False), (True, False), (True, False), (True, True)]


async def test_more_rows_than_were_warmed_up_may_take_longer_in_proportion() -> None:
    watch = Watch(stuck_seconds=60.0, warmed_rows=4)
    seen: list[tuple[bool, bool]] = []
    await watch.run(10, lambda: seen.extend(watch.seen_after(seconds) for seconds in (150.0, 1.0)))
    assert seen == [(False, False), (True, False)]


async def test_a_version_that_is_left_is_not_looked_at() -> None:
    watch = Watch()
    watch.dog.leave(watch.served)
    seen: list[tuple[bool, bool]] = []
    await watch.run(1, lambda: seen.append(watch.seen_after(3600.0)))
    assert seen == [(False, False)]


async def test_what_happens_is_logged_with_the_version(caplog: pytest.LogCaptureFixture) -> None:
    watch = Watch()
    await watch.run(1, lambda: watch.see_after(61.0))
    watch.seen_after(0)
    logged = [(record.levelno, record.message.partition(":")[0]) for record in caplog.records]
    assert logged == [
        (logging.ERROR, "model echo version 1 is stuck"),
        (logging.WARNING, "model echo version 1 is no longer stuck"),
    ]
    assert {record.__dict__["model"] for record in caplog.records} == {"echo"}


@pytest.fixture
def dog() -> Iterator[Watchdog]:
    made = Watchdog(stuck_seconds=0.05)
    yield made
    made.stop()


async def test_the_thread_sees_a_forward_pass_that_hangs_on_the_event_loop(dog: Watchdog) -> None:
    model = LookingModel()
    lane = BatchLane(model, LIMITS)
    dog.watch(ServedVersion("echo", "1", model.signature, TabularClassification(model.signature), lane), 0.0, 4)
    stuck, free = threading.Event(), threading.Event()
    dog.start(lambda _, is_stuck: (stuck if is_stuck else free).set())

    def hang() -> None:
        stuck.wait(PATIENCE_SECONDS)

    model.meanwhile = hang
    await ask_for(lane, 1)  # the event loop stands still until the thread has seen that
    assert stuck.is_set()
    assert free.wait(PATIENCE_SECONDS)


async def test_the_thread_sees_a_forward_pass_that_hangs_elsewhere(dog: Watchdog) -> None:
    model = SlowModel()
    lane = BatchLane(model, LIMITS)
    dog.watch(ServedVersion("echo", "1", model.signature, TabularClassification(model.signature), lane), 0.0, 4)
    stuck = threading.Event()

    def report(_: ServedVersion, is_stuck: bool) -> None:
        assert is_stuck
        stuck.set()
        dog.stop()
        model.release.set()

    dog.start(report)
    await ask_for(lane, 1)
    assert stuck.is_set()
    lane.close()


async def test_a_version_whose_task_holds_all_its_threads_is_stuck_and_well_again_once_it_returns() -> None:
    watch, go = Watch(), threading.Event()
    threads = TaskThreads(UnobservedTask(), watch.clock)
    own = replace(watch.served, threads=threads)
    watch.dog.leave(watch.served)
    watch.dog.watch(own, 0.001, 4)
    watch.served = own

    def hang() -> bool:
        return go.wait(PATIENCE_SECONDS)

    deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    asking = [asyncio.create_task(threads.run("read", hang, deadline, never)) for _ in range(THREADS - 1)]
    await asyncio.sleep(0)
    assert watch.seen_after(61) == (False, False), "a thread is free"
    asking.append(asyncio.create_task(threads.run("read", hang, deadline, never)))
    await asyncio.sleep(0)
    assert watch.seen_after(59) == (False, False)
    assert watch.seen_after(2) == (True, False)
    assert watch.seen_after(60) == (True, True)
    go.set()
    assert all(await asyncio.gather(*asking))
    assert watch.seen_after(0) == (False, False)
    own.close()
