"""Runs what the queue says is due, one batch at a time, and gives everyone their own rows back."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import Executor
from contextvars import Context
from functools import partial

from plimsoll.errors import Draining
from plimsoll.inference.batch_queue import Batch, BatchQueue, Entry
from plimsoll.inference.delivery import Delivery, closed, error_for_client, still_wanted
from plimsoll.inference.forward import Forward
from plimsoll.inference.payloads import Tensors
from plimsoll.inference.placement import Placement
from plimsoll.inference.ports import LaneObserver
from plimsoll.inference.rerun import Rerun

_log = logging.getLogger(__name__)
_LONGEST_GATHERING_SECONDS = 0.005
"""After this a batch that is due gets no other turn: until it runs, deadlines and clients that leave go unnoticed."""


class BatchRunner:
    """One version's model at work.

    A batch that the `placement` takes for quick runs on the event loop, a longer one in `executor`; one at a time
    either way. A quick one waits another turn of the loop as long as each turn brings it company. The `observer` hears
    of every batch that has run, and how many requests wait while the model is at work elsewhere. What is due when is
    decided by the loop's clock, which may count in milliseconds; durations are read off the clock of `forward`.

    When a batch fails, its requests are run again one by one, so that only those fail that fail alone.
    """

    def __init__(
        self, forward: Forward, placement: Placement, queue: BatchQueue, executor: Executor, observer: LaneObserver
    ) -> None:
        self._forward = forward
        self._placement = placement
        self._queue = queue
        self._executor = executor
        self._observer = observer
        self._stopwatch = forward.clock
        self._delivery = Delivery(observer, self._stopwatch)
        self._loop = asyncio.get_running_loop()
        self._busy = False
        self._waiting_told = 0
        self._gathered = 0
        """Requests in a batch that is due when it was last given another turn; 0 where none was."""
        self._alarm: asyncio.TimerHandle | asyncio.Handle | None = None
        self._alarm_at = float("inf")

    @property
    def seconds_per_request(self) -> float:
        """A running mean of what one request costs."""
        return self._delivery.seconds_per_request

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
        return not self._busy and self._alarm_at <= self._loop.time() and rows <= self._placement.inline_rows

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
            and 2 * batch.filled <= self._placement.inline_rows
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
            batch.keep(partial(still_wanted, now=now))
            if not batch.entries:
                self._queue.give_back(batch)
            elif batch.filled <= self._placement.inline_rows:
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
        rows = batch.filled
        started_at = self._stopwatch()
        self._placement.begin()
        outcome = self._forward.run(batch.tensors(), rows)
        self._placement.end(rows, self._stopwatch() - started_at)
        self._end(batch, outcome, started_at)
        del outcome  # the trace of an error leads back to this frame, which would be a reference cycle

    def _run_elsewhere(self, batch: Batch) -> None:
        started_at = self._stopwatch()
        try:
            running = self._submit(batch.tensors(), batch.filled)
        except Draining as error:
            self._fail_all(batch, error)
            return
        self._busy = True
        running.add_done_callback(partial(self._finish, batch, started_at))

    def _submit(self, inputs: Tensors, rows: int) -> asyncio.Future[Tensors | BaseException]:
        try:
            return self._loop.run_in_executor(self._executor, self._forward.run, inputs, rows)
        except RuntimeError:  # the executor has been shut down
            raise closed() from None

    def _finish(self, batch: Batch, started_at: float, running: asyncio.Future[Tensors | BaseException]) -> None:
        self._busy = False
        if running.cancelled():
            self._fail_all(batch, closed())
        else:
            self._end(batch, running.exception() or running.result(), started_at)
        self._run()

    def _end(self, batch: Batch, outcome: Tensors | BaseException, started_at: float) -> None:
        entries = batch.entries
        if not isinstance(outcome, BaseException):
            self._delivery.answer(entries, outcome, started_at)
            self._queue.give_back(batch)
            return
        self._delivery.failed(entries, started_at)
        if len(entries) == entries[0].rows == 1:
            self._delivery.fail(entries[0], error_for_client(outcome))
            self._queue.give_back(batch)
            return
        if len(entries) > 1:
            _log.warning(
                "the model failed with %s on %d requests together, which run again one by one so that only those fail "
                "that fail alone",
                type(outcome).__name__,
                len(entries),
            )
        self._busy = True
        rerun = Rerun(self._submit, self._delivery, self._loop.time, self._stopwatch).run(batch, outcome)
        self._loop.create_task(rerun, context=Context()).add_done_callback(partial(self._resume, batch))

    def _resume(self, batch: Batch, rerun: asyncio.Task[None]) -> None:
        del rerun
        self._queue.give_back(batch)
        self._busy = False
        self._run()

    def _fail_all(self, batch: Batch, error: Draining) -> None:
        for entry in batch.entries:
            self._delivery.fail(entry, error)
