"""Collects rows into batches. Reads no clock and runs no model: the runner asks it which batch is due.

`reserve` returns rows of a forming batch, the front decodes into them, and `commit` adds them to the batch. The next
reservation overwrites rows that are never committed. There is no await between `reserve` and `commit`, so a
reservation is always the last part of its batch.
"""

from __future__ import annotations

from asyncio import Future
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from numpy.typing import NDArray

from plimsoll.inference.batch_limits import BatchLimits
from plimsoll.inference.payloads import Tensors
from plimsoll.inference.ports import Shapes

NewBatch = Callable[[int, Shapes], dict[str, NDArray[Any]]]
_NEVER = float("inf")


class Entry:
    """The rows of one request. `future` gets its outputs, or the error that only this request sees.

    `committed_at` and `deadline` are on the runner's clock, which decides when a batch runs. `stopwatch_at` is on a
    clock of higher resolution, which measures the wait. `wait_seconds` and `forward_seconds` are set once the entry
    has been computed. `context` links it to its trace. `padding` is the number of its elements that are padding.
    """

    __slots__ = (
        "batch", "committed_at", "context", "deadline", "forward_seconds", "future", "inputs", "padding", "rows",
        "start", "stopwatch_at", "wait_seconds",
    )  # fmt: skip

    def __init__(self, batch: Batch, rows: int, future: Future[Tensors], context: object = None) -> None:
        self.batch = batch
        self.start = batch.filled
        self.rows = rows
        self.inputs = {name: tensor[self.start : self.start + rows] for name, tensor in batch.inputs.items()}
        self.future = future
        self.committed_at = 0.0
        self.stopwatch_at = 0.0
        self.wait_seconds = self.forward_seconds = 0.0
        self.context = context
        self.padding = 0
        self.deadline = float("inf")


class Batch:
    """Input tensors of some capacity, and the entries that fill them from the front.

    Requests join it up to `max_rows` rows. While it has entries, `due_at` is when it should run: at once if it is full,
    or else when its oldest entry has waited for the longest wait.
    """

    __slots__ = ("capacity", "due_at", "entries", "filled", "inputs", "max_rows", "shapes")

    def __init__(self, inputs: dict[str, NDArray[Any]], capacity: int, max_rows: int, shapes: Shapes) -> None:
        self.inputs = inputs
        self.max_rows = max_rows
        self.capacity = capacity
        self.shapes = shapes
        self.filled = 0
        self.due_at = _NEVER
        self.entries: list[Entry] = []

    def tensors(self) -> dict[str, NDArray[Any]]:
        """The committed rows."""
        return {name: tensor[: self.filled] for name, tensor in self.inputs.items()}

    def keep(self, wanted: Callable[[Entry], bool]) -> None:
        """Drop the entries that are not wanted, and close the gaps between the others, which keep their order."""
        kept: list[Entry] = []
        end = 0
        for entry in self.entries:
            if not wanted(entry):
                continue
            if entry.start != end:
                for tensor in self.inputs.values():
                    # Source and destination may overlap, which numpy handles.
                    tensor[end : end + entry.rows] = tensor[entry.start : entry.start + entry.rows]
                entry.start = end
            end += entry.rows
            kept.append(entry)
        self.entries, self.filled = kept, end


class BatchQueue:
    """The forming batches, one for each shape of row, and a first-in, first-out queue of the closed ones."""

    def __init__(self, new_batch: NewBatch, limits: BatchLimits, spare_batches: int = 2) -> None:
        self._new_batch = new_batch
        self._limits = limits
        self._spare_batches = spare_batches
        self._spares: list[Batch] = []
        self._closed: deque[Batch] = deque()
        self._forming: dict[Shapes, Batch] = {}
        self.requests_waiting = 0
        """The requests that are committed and not taken."""
        self.due_at = _NEVER
        """When the next batch should run, on the clock of `commit`; infinite when nothing waits."""

    def reserve(self, rows: int, future: Future[Tensors], shapes: Shapes = (), context: object = None) -> Entry:
        """Reserve `rows` rows of a forming batch, as views to be written; closes a batch in which they do not fit.

        Rows of different shapes never share a batch. More rows than a batch may hold get their own batch.
        """
        forming = self._forming.get(shapes)
        if forming is not None and forming.entries and forming.filled + rows > forming.max_rows:
            self._close(self._forming.pop(shapes))
            forming = None
        if forming is None or forming.filled + rows > forming.capacity:
            forming = self._larger(forming, rows, shapes)
            if forming.entries or not shapes:  # keep a batch of an open shape only once it has rows
                self._forming[shapes] = forming
        return Entry(forming, rows, future, context)

    def commit(self, entry: Entry, now: float, deadline: float) -> None:
        """Add a reserved entry to its batch at `now`; it expires at `deadline`. Both are on the runner's clock."""
        batch = entry.batch
        assert batch.filled == entry.start  # noqa: S101  # nothing was committed since `reserve`
        if batch.shapes:
            forming = self._forming.setdefault(batch.shapes, batch)
            assert forming is batch  # noqa: S101  # as above
        entry.committed_at = now
        entry.deadline = deadline
        if not batch.entries:
            batch.due_at = now + self._limits.max_wait_seconds
        batch.entries.append(entry)
        batch.filled += entry.rows
        if batch.filled >= batch.max_rows:
            batch.due_at = batch.entries[0].committed_at
        self.due_at = min(self.due_at, batch.due_at)
        self.requests_waiting += 1

    def gathering(self) -> Batch | None:
        """The batch that `take` would return, if more requests may still join it."""
        batch = self._next()
        if batch is None or batch.filled >= batch.max_rows or (self._closed and batch is self._closed[0]):
            return None
        return batch

    def take(self) -> Batch | None:
        """The batch that is due next, closed; `None` when nothing waits."""
        batch = self._next()
        if batch is None:
            return None
        if self._closed and batch is self._closed[0]:
            self._closed.popleft()
        else:
            del self._forming[batch.shapes]
        self.requests_waiting -= len(batch.entries)
        following = self._next() if self.requests_waiting else None
        self.due_at = _NEVER if following is None else following.due_at
        return batch

    def give_back(self, batch: Batch) -> None:
        """Recycle the tensors of a batch that has run; nothing may read them from now on."""
        batch.entries = []
        batch.filled = 0
        if not batch.shapes and batch.capacity == self._limits.max_rows and len(self._spares) < self._spare_batches:
            self._spares.append(batch)

    def waiting(self) -> Iterator[Entry]:
        """Every committed entry that has not been taken."""
        for batch in (*self._closed, *self._forming.values()):
            yield from batch.entries

    def _next(self) -> Batch | None:
        """The batch that is due first; at the same time a closed one takes precedence over a forming one."""
        soonest = self._closed[0] if self._closed else None
        for batch in self._forming.values():
            if batch.entries and (soonest is None or batch.due_at < soonest.due_at):
                soonest = batch
        return soonest

    def _close(self, batch: Batch) -> None:
        """Close a batch to further rows; it runs after those that were closed before it."""
        batch.due_at = batch.entries[0].committed_at
        self._closed.append(batch)
        following = self._next()
        self.due_at = _NEVER if following is None else following.due_at

    def _larger(self, old: Batch | None, rows: int, shapes: Shapes) -> Batch:
        """An empty batch; or, for rows of open shape, a copy of the old one with twice the capacity.

        Batches of a fixed shape have full size. A client can send any number of open shapes, so the batches of those
        start small: memory grows with the rows that were sent, and not with the rows that a batch may hold.
        """
        if not shapes and rows <= self._limits.max_rows and self._spares:
            return self._spares.pop()
        filled = 0 if old is None else old.filled
        max_rows = self._limits.most_rows(shapes)
        capacity = max_rows if not shapes else min(2 * filled + rows, max_rows)
        capacity = max(capacity, filled + rows)
        batch = Batch(self._new_batch(capacity, shapes), capacity, max_rows, shapes)
        if old is not None:
            for name, tensor in old.inputs.items():
                batch.inputs[name][:filled] = tensor[:filled]
            for entry in old.entries:
                entry.batch = batch
            batch.entries, batch.filled, batch.due_at = old.entries, filled, old.due_at
        return batch
