"""A lane on a workbench: its clock, its executor and its clients are in the hands of the test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from plimsoll.inference.admission import AdmissionLimits
from plimsoll.inference.batch_lane import BatchLane, LaneLimits
from plimsoll.inference.batch_limits import BatchLimits
from plimsoll.inference.ports import Model

from tests.doubles.fake_time import FakeTimeLoop, ManualExecutor
from tests.doubles.models import PoisonedModel
from tests.doubles.observers import RecordingLaneObserver


class Client:
    """One request of a workbench as its client sees it."""

    def __init__(self, bench: Bench, numbers: tuple[float, ...], patience: float) -> None:
        self.watched = False
        self._gone = asyncio.Event()
        deadline = bench.loop.time() + patience
        self._task = bench.loop.create_task(self._ask(bench.lane, numbers, deadline))
        # Not every test looks at every end, and asyncio complains of an exception that nobody has looked at.
        self._task.add_done_callback(lambda task: task.cancelled() or task.exception())

    @property
    def end(self) -> list[float] | str:
        """The answer, or the name of what came instead of it; 'waiting' until then."""
        if not self._task.done():
            return "waiting"
        if self._task.cancelled():
            return "cancelled"
        error = self._task.exception()
        return self._task.result() if error is None else type(error).__name__

    @property
    def error(self) -> BaseException:
        """What the request failed with."""
        error = self._task.exception()
        assert error is not None
        return error

    def leave(self) -> None:
        """Close the connection."""
        self._gone.set()

    def cancel(self) -> None:
        """Have the server give the request up."""
        self._task.cancel()

    async def _ask(self, lane: BatchLane, numbers: tuple[float, ...], deadline: float) -> list[float]:
        with lane.admission.admit(10 * len(numbers)):
            entry = lane.reserve(len(numbers))
            entry.inputs["x"][:, 0] = numbers
            outputs = await lane.answer(entry, deadline, self._wait)
            answer: list[float] = outputs["y"][:, 0].tolist()
            return answer

    async def _wait(self) -> None:
        self.watched = True
        await self._gone.wait()


class Bench:
    """A lane over a model that negates numbers; `ask` sends it some, which run when the test says so."""

    def __init__(self, loop: FakeTimeLoop, model: Model, limits: LaneLimits) -> None:
        self.loop = loop
        self.model = model
        self.executor = ManualExecutor()
        self.observer = RecordingLaneObserver()
        self.reports = self.observer.reports
        self.lane = loop.run_until_complete(self._made(limits))

    async def _made(self, limits: LaneLimits) -> BatchLane:
        return BatchLane(self.model, limits, self.observer, self.executor, self.loop.time)

    def ask(self, *numbers: float, patience: float = 1e6) -> Client:
        """A request that comes in the loop's next turn, together with whatever else is asked before that."""
        return Client(self, numbers, patience)

    def ask_and_settle(self, *numbers: float, patience: float = 1e6) -> Client:
        """A request that has got as far as it can for now."""
        client = self.ask(*numbers, patience=patience)
        self.loop.settle()
        return client

    def run_next(self, seconds: float = 0.0) -> bool:
        """The executor takes so long over its oldest piece of work; whether it had any."""
        self.loop.advance(seconds)
        worked = self.executor.run_next()
        self.loop.settle()
        return worked


OpenBench = Callable[..., Bench]


@contextmanager
def workbench() -> Iterator[OpenBench]:
    """Opens workbenches with batches of up to 4 rows; without a model of the test's, one that never runs inline."""
    loop = FakeTimeLoop()
    asyncio.set_event_loop(loop)

    def open_one(model: Model | None = None, *, max_rows: int = 4, max_wait: float = 0.0, requests: int = 100) -> Bench:
        limits = LaneLimits(AdmissionLimits(requests, bytes=10_000), BatchLimits(max_rows, max_wait))
        return Bench(loop, model or PoisonedModel(), limits)

    yield open_one
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.settle()
    asyncio.set_event_loop(None)
    loop.close()


@pytest.fixture
def open_bench() -> Iterator[OpenBench]:
    """A `workbench` for one test."""
    with workbench() as opened:
        yield opened
