"""Whatever is reserved, given up, taken, thinned out and given back: every row stays with its request."""

from __future__ import annotations

import asyncio
import math

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from plimsoll.inference.batch_limits import BatchLimits
from plimsoll.inference.batch_queue import Batch, BatchQueue, Entry
from plimsoll.inference.payloads import Signature, TensorSpec
from plimsoll.inference.ports import Shapes

from tests.doubles.models import EchoModel

MAX_ROWS = 6
GIVEN_UP = -1.0
FIXED = Signature(
    (TensorSpec("x", "FP64", (-1, 2)), TensorSpec("z", "INT64", (-1,))), (TensorSpec("y", "FP64", (-1,)),)
)
OPEN = Signature(
    (TensorSpec("x", "FP64", (-1, -1)), TensorSpec("z", "INT64", (-1,))), (TensorSpec("y", "FP64", (-1,)),)
)

shapes_of_rows = st.integers(1, 3).map(lambda length: ((length,), ()))


class QueueMachine(RuleBasedStateMachine):
    @initialize(fixed=st.booleans(), wait=st.sampled_from([0.0, 2.0]))
    def start(self, *, fixed: bool, wait: float) -> None:
        self.loop = asyncio.new_event_loop()
        self.fixed = fixed
        self.now = 0.0
        self.wait = wait
        self.number = 0.0
        self.queue = BatchQueue(EchoModel(FIXED if fixed else OPEN).new_batch, BatchLimits(MAX_ROWS, wait))
        self.line: list[Entry] = []
        self.numbers: dict[Entry, list[float]] = {}
        self.shapes: dict[Entry, Shapes] = {}
        self.taken: list[Batch] = []

    def reserve(self, rows: int, shapes: Shapes) -> Entry:
        entry = self.queue.reserve(rows, self.loop.create_future(), () if self.fixed else shapes)
        assert all(len(tensor) == rows for tensor in entry.inputs.values())
        return entry

    @rule(rows=st.integers(1, MAX_ROWS + 2), shapes=shapes_of_rows)
    def give_up(self, rows: int, shapes: Shapes) -> None:
        for tensor in self.reserve(rows, shapes).inputs.values():
            tensor[:] = GIVEN_UP

    @rule(rows=st.integers(1, MAX_ROWS + 2), shapes=shapes_of_rows)
    def commit(self, rows: int, shapes: Shapes) -> None:
        entry = self.reserve(rows, shapes)
        numbers = [self.number + row for row in range(rows)]
        self.number += rows
        entry.inputs["x"][:] = np.array(numbers)[:, None]
        entry.inputs["z"][:] = numbers
        self.queue.commit(entry, self.now, deadline=1e9)
        self.line.append(entry)
        self.numbers[entry] = numbers
        self.shapes[entry] = () if self.fixed else shapes

    @rule(seconds=st.sampled_from([0.5, 1.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def take(self) -> None:
        due_at = self.queue.due_at
        batch = self.queue.take()
        assert (batch is None) == (due_at == math.inf) == (not self.line)
        if batch is None:
            return
        shapes = self.shapes[batch.entries[0]]
        same_shape = [entry for entry in self.line if self.shapes[entry] == shapes]
        assert batch.entries == same_shape[: len(batch.entries)], "within a shape it is first in, first out"
        assert batch.filled <= MAX_ROWS or len(batch.entries) == 1
        oldest = batch.entries[0].committed_at
        assert due_at in (oldest, oldest + self.wait)
        self.line = [entry for entry in self.line if entry not in batch.entries]
        self.taken.append(batch)

    @precondition(lambda self: self.taken)
    @rule(data=st.data())
    def thin_out(self, data: st.DataObject) -> None:
        batch = data.draw(st.sampled_from(self.taken))
        unwanted = data.draw(st.sets(st.sampled_from(batch.entries))) if batch.entries else set()
        kept = [entry for entry in batch.entries if entry not in unwanted]
        batch.keep(lambda entry: entry not in unwanted)
        assert batch.entries == kept

    @precondition(lambda self: self.taken)
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        batch = data.draw(st.sampled_from(self.taken))
        self.taken.remove(batch)
        self.queue.give_back(batch)

    @invariant()
    def everyone_who_waits_is_in_line_once(self) -> None:
        if hasattr(self, "queue"):
            assert sorted(map(id, self.queue.waiting())) == sorted(map(id, self.line))

    @invariant()
    def what_was_taken_holds_the_rows_of_its_entries_and_no_others(self) -> None:
        for batch in getattr(self, "taken", []):
            wanted = [number for entry in batch.entries for number in self.numbers[entry]]
            assert batch.tensors()["z"].tolist() == wanted
            assert batch.tensors()["x"].tolist() == [[number] * batch.inputs["x"].shape[1] for number in wanted]
            for entry in batch.entries:
                assert entry.batch is batch
                mine = batch.inputs["z"][entry.start : entry.start + entry.rows]
                assert mine.tolist() == self.numbers[entry]

    def teardown(self) -> None:
        if not hasattr(self, "queue"):
            return
        while self.line:
            self.take()
            self.what_was_taken_holds_the_rows_of_its_entries_and_no_others()
        assert self.queue.due_at == math.inf
        self.loop.close()


QueueMachine.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
TestQueue = QueueMachine.TestCase
