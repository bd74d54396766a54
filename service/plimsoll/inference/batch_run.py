"""One run of a model for a batch: the forward pass, and how it ends for each request in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from plimsoll.errors import ClientError, DeadlineExceeded, Draining, ModelFailed, PlimsollError, Unavailable
from plimsoll.inference.batch_limits import elements_of_row
from plimsoll.inference.batch_queue import Entry
from plimsoll.inference.payloads import BatchReport, Tensors, TensorSpec
from plimsoll.inference.ports import LaneObserver, Model

_NEWEST_SHARE = 0.2
"""The share of the newest batch in the running mean of the time that a request takes."""


class Forward:
    """Runs a model and checks its outputs against its signature. Returns errors and never raises them.

    A model may raise anything, and some exceptions must not propagate: a future cannot hold a `StopIteration`, and
    asyncio ends the process on a `SystemExit` and takes a `CancelledError` for a cancellation of the task.

    `since` is the start of the run in progress, in seconds of `clock`, and `None` between runs; `rows` is the number
    of its rows. `last_since` and `last_until` are the start and the end of the last run that has ended. Another thread
    may read all of them.
    """

    def __init__(self, model: Model, clock: Callable[[], float]) -> None:
        self._model = model
        self.clock = clock
        self._outputs = [(spec, spec.dtype, spec.shape[1:]) for spec in model.signature.outputs]
        self.since: float | None = None
        self.last_since: float | None = None
        self.last_until = 0.0
        self.rows = 0

    def run(self, inputs: Tensors, rows: int) -> Tensors | BaseException:
        """The outputs for that many rows, or what the model raised, or a `ModelFailed` that names a wrong output."""
        self.rows = rows
        self.since = self.clock()
        try:
            outputs = self._model.run(inputs)
            for spec, dtype, shape in self._outputs:
                output = outputs[spec.name]
                # For an output of fixed shape the first comparison is enough, at a tenth of the cost of the second.
                if output.dtype != dtype or (output.shape != (rows, *shape) and not _fits(spec, output.shape, rows)):
                    return _wrong_output(spec, rows, f"{output.dtype} of shape {list(output.shape)}")
        except BaseException as error:  # noqa: BLE001  # an error of the model fails its requests only
            return error
        finally:
            self.last_since, self.since = self.since, None
            self.last_until = self.clock()
        return outputs


def _fits(spec: TensorSpec, shape: tuple[int, ...], rows: int) -> bool:
    wanted = (rows, *spec.shape[1:])
    return len(shape) == len(wanted) and all(want in (-1, have) for want, have in zip(wanted, shape, strict=True))


def _wrong_output(spec: TensorSpec, rows: int, given: str) -> ModelFailed:
    return ModelFailed(
        f"the model gave an output '{spec.name}' that does not fit its signature",
        expected=f"{spec.datatype} of shape {[rows, *spec.shape[1:]]}",
        given=given,
    )


class Delivery:
    """Ends the requests of one version, and reports each run to the `observer`; `stopwatch` measures durations."""

    def __init__(self, observer: LaneObserver, stopwatch: Callable[[], float]) -> None:
        self._observer = observer
        self._stopwatch = stopwatch
        self.seconds_per_request = 0.0
        """A running mean of the time that one request takes, from which `Retry-After` is estimated."""

    def answer(self, entries: Sequence[Entry], outputs: Tensors, started_at: float) -> None:
        """Give each of some adjacent entries its rows of the outputs of their common run."""
        first = entries[0].start
        forward_seconds = self._time(entries, started_at)
        for entry in entries:
            if not entry.future.done():
                start, end = entry.start - first, entry.start - first + entry.rows
                entry.future.set_result({name: tensor[start:end] for name, tensor in outputs.items()})
        mean = self.seconds_per_request or forward_seconds / len(entries)
        self.seconds_per_request = mean + _NEWEST_SHARE * (forward_seconds / len(entries) - mean)
        self._report(entries, forward_seconds)  # last: an observer that raises costs nobody an answer

    def fail(self, entry: Entry, error: PlimsollError) -> None:
        """End a request with an error, unless it has ended already."""
        if not entry.future.done():
            entry.future.set_exception(error)

    def failed(self, entries: Sequence[Entry], started_at: float) -> None:
        """Report a run that failed for these requests."""
        self._report(entries, self._time(entries, started_at), failed=True)

    def _time(self, entries: Sequence[Entry], started_at: float) -> float:
        """Note with each request how long it waited and how long the model took; returns the latter."""
        forward_seconds = self._stopwatch() - started_at
        for entry in entries:
            entry.wait_seconds, entry.forward_seconds = started_at - entry.stopwatch_at, forward_seconds
        return forward_seconds

    def _report(self, entries: Sequence[Entry], forward_seconds: float, *, failed: bool = False) -> None:
        rows, waits, contexts = 0, [], []
        for entry in entries:
            rows += entry.rows
            waits.append(entry.wait_seconds)
            contexts.append(entry.context)
        elements = padding = 0
        if shapes := entries[0].batch.shapes:
            elements, padding = rows * elements_of_row(shapes), sum(entry.padding for entry in entries)
        report = BatchReport(rows, tuple(waits), forward_seconds, tuple(contexts), failed, elements, padding)
        self._observer.batch_finished(report)


def still_wanted(entry: Entry, now: float) -> bool:
    """Whether a client still waits for a request; fails a request that is past its deadline."""
    if entry.future.done():
        return False
    if entry.deadline <= now:
        entry.future.set_exception(DeadlineExceeded("the request's time was over before the model could run it"))
        return False
    return True


def error_for_client(error: BaseException, index: int | None = None) -> PlimsollError:
    """The error for the request whose rows made a run fail; `index` is the row at fault, if it is known.

    The model's own message becomes the cause, which only the log shows, because it may hold a path.
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
    """The error of a request that is in a lane when the lane is closed."""
    return Draining("this version was closed before it could answer; ask again, another one will")
