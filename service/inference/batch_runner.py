"""Runs what the queue says is due, one batch at a time, and gives everyone their own rows back."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import Context
from functools import partial

from service.errors import DeadlineExceeded, Draining, ModelFailed, PlimsollError
from service.inference.batch_queue import Batch, BatchQueue, Entry
from service.inference.payloads import BatchReport, Tensors
from service.inference.ports import LaneObserver, Model

_log = logging.getLogger(__name__)
_NEWEST_SHARE = 0.2
"""How much the newest batch counts in the running mean of the time that a request takes."""
_LONGEST_GATHERING_SECONDS = 0.005
"""After this a batch that is due gets no other turn: until it runs, deadlines and clients that leave go unnoticed."""


class BatchRunner:
    """One version's model at work.

    A batch that warm-up found quick runs on the event loop itself, a longer one in `executor`; one at a time either
    way. A quick one waits another turn of the loop as long as each turn brings it company. The clock is the loop's,
    which may count in milliseconds; how long something took is read off the `stopwatch`. The `observer` hears of every
    batch that has run, and how many requests wait while the model is at work elsewhere.

    When a batch fails, its requests are run again one by one, once: the poisonous one is found, the others answered.
    """

    def __init__(
        self,
        model: Model,
        queue: BatchQueue,
        executor: Executor,
        observer: LaneObserver,
        stopwatch: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._model = model
        self._queue = queue
        self._executor = executor
        self._observer = observer
        self._stopwatch = stopwatch
        self._loop = asyncio.get_running_loop()
        self._busy = False
        self._waiting_told = 0
        self._gathered = 0
        """Requests in a batch that is due when it was last given another turn; 0 where none was."""
        self._alarm: asyncio.TimerHandle | asyncio.Handle | None = None
        self._alarm_at = float("inf")
        self.seconds_per_request = 0.0
        """A running mean of what one request costs, for telling others how long the queue is."""

    def commit(self, entry: Entry, deadline: float) -> None:
        """Put a reserved entry into line; its future gets the outputs, or its error, unless it is cancelled before."""
        now = self._loop.time()
        self._queue.commit(entry, now, deadline)
        entry.stopwatch_at = self._stopwatch()
        if self._busy:
            self._tell_waiting()
        else:
            self._wake_at(self._queue.due_at(), now)

    def answers_at_once(self, rows: int) -> bool:
        """Whether an entry of that many rows, just committed, runs in the loop's next turn.

        More that arrives in the same turn may still make its batch too long for the loop, so this is not a promise.
        """
        return not self._busy and self._alarm_at <= self._loop.time() and rows <= self._model.inline_rows

    @property
    def gathers(self) -> bool:
        """Whether a batch that is due, and was to run in this turn of the loop, has been given another."""
        return self._gathered > 0

    def _wake_at(self, due_at: float | None, now: float) -> None:
        if due_at is None or due_at >= self._alarm_at:
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = due_at
        # Even what is due now runs a turn later, so that requests which have arrived together run together.
        # In no context: what is logged there is nobody's own, and would bear the id of whoever set the alarm.
        if due_at <= now:
            self._alarm = self._loop.call_soon(self._ring, context=Context())
        else:
            self._alarm = self._loop.call_at(due_at, self._ring, context=Context())

    def _ring(self) -> None:
        """Run what is due, or give it another turn of the loop.

        While requests are read and answered, more of them arrive; a run for all costs little more than one for a few.
        A request that is alone does not wait, nor a batch that as many again would make too long for the loop.
        """
        gathered, self._gathered = self._gathered, 0
        batch = self._queue.gathering()
        if (
            batch is not None
            and len(batch.entries) > max(gathered, 1)
            and 2 * batch.filled <= self._model.inline_rows
            and self._loop.time() < batch.entries[0].committed_at + _LONGEST_GATHERING_SECONDS
        ):
            self._gathered = len(batch.entries)
            self._alarm = self._loop.call_soon(self._ring, context=Context())
        else:
            self._run()

    def _run(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = None
        self._gathered = 0
        self._alarm_at = float("inf")
        now = self._loop.time()
        due_at = self._queue.due_at()
        while not self._busy and due_at is not None and due_at <= now:
            batch = self._queue.take()
            if batch is None:
                return
            batch.keep(partial(_still_wanted, now=now))
            if not batch.entries:
                self._queue.give_back(batch)
            elif batch.filled <= self._model.inline_rows:
                self._run_inline(batch)
                break  # the loop gets a turn between two batches
            else:
                self._run_elsewhere(batch)
            due_at = self._queue.due_at()
        self._tell_waiting()
        if not self._busy:
            self._wake_at(self._queue.due_at(), self._loop.time())

    def _tell_waiting(self) -> None:
        if self._waiting_told != self._queue.requests_waiting:
            self._waiting_told = self._queue.requests_waiting
            self._observer.queue_changed(self._waiting_told)

    def _run_inline(self, batch: Batch) -> None:
        started_at = self._stopwatch()
        try:
            outputs = self._model.run(batch.tensors())
        except Exception as error:  # noqa: BLE001  # whatever a model raises belongs to its requests
            self._fail(batch, error, started_at)
        else:
            self._answer(batch.entries, outputs, started_at)
            self._queue.give_back(batch)

    def _run_elsewhere(self, batch: Batch) -> None:
        started_at = self._stopwatch()
        try:
            running = self._submit(batch.tensors())
        except Draining as error:
            self._fail_all(batch.entries, error)
            return
        self._busy = True
        running.add_done_callback(partial(self._finish, batch, started_at))

    def _submit(self, inputs: Tensors) -> asyncio.Future[Tensors]:
        try:
            return self._loop.run_in_executor(self._executor, self._compute, inputs)
        except RuntimeError:  # the executor has been shut down
            raise _closed() from None

    def _compute(self, inputs: Tensors) -> Tensors:
        try:
            return self._model.run(inputs)
        except StopIteration as error:  # a future cannot hold it, and would never be done
            raise RuntimeError("the model ran out of something that it iterates over") from error

    def _finish(self, batch: Batch, started_at: float, running: asyncio.Future[Tensors]) -> None:
        self._busy = False
        if running.cancelled():
            self._fail_all(batch.entries, _closed())
        elif (error := running.exception()) is not None:
            self._fail(batch, error, started_at)
        else:
            self._answer(batch.entries, running.result(), started_at)
            self._queue.give_back(batch)
        self._run()

    def _answer(self, entries: list[Entry], outputs: Tensors, started_at: float) -> None:
        """Give each of some neighbours its rows of what the model made of them together."""
        first = entries[0].start
        rows = entries[-1].start + entries[-1].rows - first
        if any(tensor.shape[:1] != (rows,) for tensor in outputs.values()):
            self._fail_all(entries, ModelFailed(f"the model did not give one output row for each of {rows} rows"))
            return
        forward_seconds = self._time(entries, started_at)
        for entry in entries:
            if not entry.future.done():
                start, end = entry.start - first, entry.start - first + entry.rows
                entry.future.set_result({name: tensor[start:end] for name, tensor in outputs.items()})
        mean = self.seconds_per_request or forward_seconds / len(entries)
        self.seconds_per_request = mean + _NEWEST_SHARE * (forward_seconds / len(entries) - mean)
        self._tell(entries, forward_seconds)

    def _time(self, entries: list[Entry], started_at: float) -> float:
        """Keep with each of some neighbours how long it took; returns the seconds of the model."""
        forward_seconds = self._stopwatch() - started_at
        for entry in entries:
            entry.wait_seconds, entry.forward_seconds = started_at - entry.stopwatch_at, forward_seconds
        return forward_seconds

    def _tell(self, entries: list[Entry], forward_seconds: float, *, failed: bool = False) -> None:
        waits, contexts = zip(*((entry.wait_seconds, entry.context) for entry in entries), strict=True)
        rows = sum(entry.rows for entry in entries)
        self._observer.batch_finished(BatchReport(rows, waits, forward_seconds, contexts, failed))

    def _fail(self, batch: Batch, error: BaseException, started_at: float) -> None:
        entries = batch.entries
        forward_seconds = self._time(entries, started_at)
        if len(entries) == 1:
            self._fail_all(entries, _for_client(error))
            self._queue.give_back(batch)
            self._tell(entries, forward_seconds, failed=True)
            return
        _log.warning("a batch of %d requests failed and is run again one by one: %s", len(entries), error)
        self._busy = True
        self._loop.create_task(self._run_singly(batch), context=Context()).add_done_callback(lambda _: self._resume())
        self._tell(entries, forward_seconds, failed=True)

    async def _run_singly(self, batch: Batch) -> None:
        for entry in batch.entries:
            if not _still_wanted(entry, self._loop.time()):
                continue
            started_at = self._stopwatch()
            end = entry.start + entry.rows
            tensors = {name: tensor[entry.start : end] for name, tensor in batch.inputs.items()}
            try:
                outputs = await self._submit(tensors)
            except asyncio.CancelledError:
                self._fail_all(batch.entries, _closed())
                raise
            except Exception as error:  # noqa: BLE001  # whatever a model raises belongs to this request
                self._fail_all([entry], _for_client(error))
                self._tell([entry], self._time([entry], started_at), failed=True)
            else:
                self._answer([entry], outputs, started_at)
        self._queue.give_back(batch)

    def _resume(self) -> None:
        self._busy = False
        self._run()

    @staticmethod
    def _fail_all(entries: list[Entry], error: PlimsollError) -> None:
        for entry in entries:
            if not entry.future.done():
                entry.future.set_exception(error)


def _still_wanted(entry: Entry, now: float) -> bool:
    """Whether an entry is worth computing; tells one that is late so."""
    if entry.future.done():
        return False
    if entry.deadline <= now:
        entry.future.set_exception(DeadlineExceeded("the request's time was over before the model could run it"))
        return False
    return True


def _closed() -> Draining:
    return Draining("this version was closed before it could answer; ask again, another one will")


def _for_client(error: BaseException) -> PlimsollError:
    if isinstance(error, PlimsollError):
        return error
    failed = ModelFailed("the model failed on this request")
    failed.__cause__ = error  # logged where the request is answered, under its own id
    return failed
