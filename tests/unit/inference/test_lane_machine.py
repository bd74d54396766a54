"""No request is lost, answered twice, or given another's answer, whatever happens in whatever order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule
from plimsoll.errors import ClientGone, DeadlineExceeded, Draining, ModelFailed, Overloaded
from plimsoll.inference.admission import AdmissionLimits
from plimsoll.inference.batch_lane import BatchLane, LaneLimits
from plimsoll.inference.batch_limits import BatchLimits

from tests.doubles.fake_time import FakeTimeLoop, ManualExecutor
from tests.doubles.models import POISON, PoisonedModel
from tests.doubles.observers import RecordingLaneObserver

QUEUE_LIMIT = 12
MAX_ROWS = 4


@dataclass(eq=False)
class Client:
    """One request as its client sees it."""

    numbers: list[float]
    length: int
    deadline: float
    task: asyncio.Task[str] = field(init=False)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    left: bool = False
    ends: int = 0

    @property
    def poisonous(self) -> bool:
        return POISON in self.numbers


class Line:
    """A lane with its model and its executor, as one version has them."""

    def __init__(self, inline_rows: int, max_wait_seconds: float, *, any_length: bool) -> None:
        self.model = PoisonedModel(inline_rows, any_length=any_length)
        self.executor = ManualExecutor()
        limits = LaneLimits(AdmissionLimits(QUEUE_LIMIT, bytes=1000), BatchLimits(MAX_ROWS, max_wait_seconds))
        self.observer = RecordingLaneObserver()
        self.lane = BatchLane(self.model, limits, self.observer, self.executor, asyncio.get_running_loop().time)

    def submitted(self) -> set[float]:
        """The numbers in batches that can no longer be changed."""
        return {number for _, _, (tensors, _) in self.executor.pending for number in tensors["x"][:, 0].tolist()}


class LaneMachine(RuleBasedStateMachine):
    clients = Bundle("clients")

    @initialize(
        inline_rows=st.sampled_from([0, 2, 100]), max_wait=st.sampled_from([0.0, 0.5]), any_length=st.booleans()
    )
    def start(self, inline_rows: int, max_wait: float, any_length: bool) -> None:
        self.loop = FakeTimeLoop()
        asyncio.set_event_loop(self.loop)
        self.kind = (inline_rows, max_wait)
        self.any_length = any_length
        self.next_number = 1.0
        self.everyone: list[Client] = []
        self.unwanted: set[float] = set()
        self.lines: list[Line] = []
        self.open_line()

    def open_line(self) -> None:
        async def make() -> Line:
            return Line(*self.kind, any_length=self.any_length)

        self.lines.append(self.loop.run_until_complete(make()))

    @rule(
        target=clients,
        rows=st.integers(1, MAX_ROWS + 2),
        length=st.integers(1, 3),
        poison=st.booleans(),
        patience=st.sampled_from([0.25, 1.0, 100.0]),
        together=st.booleans(),
    )
    def arrive(self, rows: int, length: int, poison: bool, patience: float, together: bool) -> Client:
        numbers = [self.next_number + offset for offset in range(rows)]
        self.next_number += rows
        if poison:
            numbers[-1] = POISON
        client = Client(numbers, length if self.any_length else 1, self.loop.time() + patience)
        client.task = self.loop.create_task(self.ask(client, self.lines[-1].lane))
        self.everyone.append(client)
        if not together:
            self.loop.settle()
        return client

    async def ask(self, client: Client, lane: BatchLane) -> str:
        try:
            with lane.admission.admit(body_bytes=10 * len(client.numbers)):
                shapes = ((client.length,),) if self.any_length else ()
                refused = lane.reserve(len(client.numbers), shapes)  # a body that is wrong is never committed
                refused.inputs["x"][:] = 666.0
                entry = lane.reserve(len(client.numbers), shapes)
                entry.inputs["x"][:] = np.array(client.numbers)[:, None]
                outputs = await lane.answer(entry, client.deadline, self.watch(client))
                wanted = [[-number] * client.length for number in client.numbers]
                np.testing.assert_array_equal(outputs["y"], wanted)
                return "answered"
        except (ClientGone, Overloaded, Draining, DeadlineExceeded, ModelFailed) as error:
            return type(error).__name__
        finally:
            client.ends += 1

    @staticmethod
    def watch(client: Client) -> Callable[[], Awaitable[None]]:
        async def gone() -> None:
            await client.gone.wait()

        return gone

    @rule(client=consumes(clients), cancelled=st.booleans())
    def leave(self, client: Client, cancelled: bool) -> None:
        self.loop.settle()
        if client.task.done():
            return
        running = {number for line in self.lines for number in line.submitted()}
        client.left = True
        if cancelled:
            client.task.cancel()
        else:
            client.gone.set()
        self.loop.settle()
        if client.task.done() and not set(client.numbers) & running:
            self.unwanted |= set(client.numbers) - {POISON}

    @rule(seconds=st.sampled_from([0.1, 0.5, 2.0]))
    def time_passes(self, seconds: float) -> None:
        self.loop.advance(seconds)

    @rule(seconds=st.sampled_from([0.0, 0.1]))
    def the_model_finishes_a_run(self, seconds: float) -> None:
        self.loop.advance(seconds)
        for line in self.lines:
            before = len(line.model.seen)
            line.executor.run_next()
            for numbers in line.model.seen[before:]:
                assert not set(numbers) & self.unwanted, "nobody waits for these"
        self.loop.settle()

    @rule()
    def reload(self) -> None:
        self.loop.settle()
        self.lines[-1].lane.admission.close()
        self.open_line()

    @invariant()
    def nothing_is_over_its_bound(self) -> None:
        for line in getattr(self, "lines", []):
            assert 0 <= line.lane.admission.requests_in_flight <= QUEUE_LIMIT

    def teardown(self) -> None:
        if not hasattr(self, "loop"):
            return
        self.loop.settle()
        for _ in range(200):
            worked = [line.executor.run_next() for line in self.lines]
            self.loop.settle()
            if not any(worked):
                self.loop.advance(0.5)  # a batch may still wait for company
                if all(client.task.done() for client in self.everyone):
                    break
        for client in self.everyone:
            self.check(client)
        for line in self.lines:
            admission = line.lane.admission
            assert (admission.requests_in_flight, admission.bytes_in_flight) == (0, 0)
            assert line.observer.waiting[-1:] in ([], [0]), "someone is said to wait whom nobody waits for"
            assert all(666.0 not in numbers for numbers in line.model.seen), "a row that was given back was computed"
        asyncio.set_event_loop(None)
        self.loop.close()

    def check(self, client: Client) -> None:
        assert client.task.done(), "a request was lost"
        assert client.ends == 1, "a request ended twice"
        if client.task.cancelled():
            assert client.left
            return
        end = client.task.result()
        if client.poisonous:
            assert end != "answered"
        else:
            assert end != "ModelFailed", "a neighbour's failure was not its own"
        assert (end == "ClientGone") <= client.left
        if end == "DeadlineExceeded":
            assert client.deadline <= self.loop.time()


LaneMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestLane = LaneMachine.TestCase
