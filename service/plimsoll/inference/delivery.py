"""The way back: every request of a batch gets its rows or its error."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from plimsoll.errors import ClientError, DeadlineExceeded, Draining, ModelFailed, PlimsollError, Unavailable
from plimsoll.inference.batch_queue import Entry
from plimsoll.inference.payloads import BatchReport, Tensors
from plimsoll.inference.ports import LaneObserver

_NEWEST_SHARE = 0.2
"""How much the newest batch counts in the running mean of the time that a request takes."""


class Delivery:
    """Ends the requests of one version, and tells the `observer` of each run; the `stopwatch` measures."""

    def __init__(self, observer: LaneObserver, stopwatch: Callable[[], float]) -> None:
        self._observer = observer
        self._stopwatch = stopwatch
        self.seconds_per_request = 0.0
        """A running mean of what one request costs, for telling others how long the queue is."""

    def answer(self, entries: Sequence[Entry], outputs: Tensors, started_at: float) -> None:
        """Give each of some neighbours its rows of the outputs that the model made for them together."""
        first = entries[0].start
        forward_seconds = self._time(entries, started_at)
        for entry in entries:
            if not entry.future.done():
                start, end = entry.start - first, entry.start - first + entry.rows
                entry.future.set_result({name: tensor[start:end] for name, tensor in outputs.items()})
        mean = self.seconds_per_request or forward_seconds / len(entries)
        self.seconds_per_request = mean + _NEWEST_SHARE * (forward_seconds / len(entries) - mean)
        self._report(entries, forward_seconds)

    def fail(self, entry: Entry, error: PlimsollError) -> None:
        """End a request with an error, unless it has ended already."""
        if not entry.future.done():
            entry.future.set_exception(error)

    def failed(self, entries: Sequence[Entry], started_at: float) -> None:
        """A run for these requests gave no answers."""
        self._report(entries, self._time(entries, started_at), failed=True)

    def _time(self, entries: Sequence[Entry], started_at: float) -> float:
        forward_seconds = self._stopwatch() - started_at
        for entry in entries:
            entry.wait_seconds, entry.forward_seconds = started_at - entry.stopwatch_at, forward_seconds
        return forward_seconds

    def _report(self, entries: Sequence[Entry], forward_seconds: float, *, failed: bool = False) -> None:
        waits, contexts = zip(*((entry.wait_seconds, entry.context) for entry in entries), strict=True)
        rows = sum(entry.rows for entry in entries)
        self._observer.batch_finished(BatchReport(rows, waits, forward_seconds, contexts, failed))


def still_wanted(entry: Entry, now: float) -> bool:
    """Whether a request is worth computing; one that is past its deadline gets its error here."""
    if entry.future.done():
        return False
    if entry.deadline <= now:
        entry.future.set_exception(DeadlineExceeded("the request's time was over before the model could run it"))
        return False
    return True


def error_for_client(error: BaseException, index: int | None = None) -> PlimsollError:
    """What the request is told whose rows made a run fail; `index` is the row at fault, where it is known.

    The words of the model may hold a path, so they become the cause, which is logged where the request is answered.
    """
    if isinstance(error, ClientError | Unavailable):
        return error
    if isinstance(error, ModelFailed):
        error.index = index
        return error
    failed = ModelFailed(f"the model failed on {'this request' if index is None else f'row {index}'}", index=index)
    failed.__cause__ = error
    return failed


def closed() -> Draining:
    """The error of a request that was in a lane when it was closed."""
    return Draining("this version was closed before it could answer; ask again, another one will")
