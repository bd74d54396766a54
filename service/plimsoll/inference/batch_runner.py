"""Runs what the queue says is due, one batch at a time, and gives everyone their own rows back."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import Executor
from contextvars import Context
from functools import partial

from plimsoll.errors import Draining
from plimsoll.inference.batch_queue import Batch, BatchQueue, Entry
from plimsoll.inference.batch_run import Delivery, Forward, closed, error_for_client, still_wanted
from plimsoll.inference.payloads import Tensors
from plimsoll.inference.placement import Placement
from plimsoll.inference.ports import LaneObserver
from plimsoll.inference.rerun import Rerun

_log = logging.getLogger(__name__)
_NEVER = float("inf")
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
        self._alarm_at = _NEVER

    @property
    def seconds_per_request(self) -> float:
        """A running mean of what one request costs."""
        return self._delivery.seconds_per_request

    def commit(self, entry: Entry, deadline: float) -> bool:
        """Put a reserved entry into line; its future gets the outputs, or its error, unless it is cancelled before.

        Returns whether it runs in the loop's next turn. More that arrives in the same turn may still make its batch too
        long for the loop, so this is not a promise.
        """
        now = self._loop.time()
        queue = self._queue
        queue.commit(entry, now, deadline)
        entry.stopwatch_at = self._stopwatch()
        if self._busy:
            self._tell_waiting()
            return False
        if queue.due_at < self._alarm_at:
            self._wake_at(queue.due_at, now)
        shapes = entry.batch.shapes
        return self._alarm_at <= now and entry.rows <= (
            self._placement.inline_rows_of(shapes) if shapes else self._placement.inline_rows
        )

    @property
    def gathers(self) -> bool:
        """Whether a batch that is due, and was to run in this turn of the loop, has been given another."""
        return self._gathered > 0

    def _wake_at(self, due_at: float, now: float) -> None:
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
        if self._queue.requests_waiting > max(gathered, 1) and self._gains(gathered):
            self._alarm = self._loop.call_soon(self._ring, context=Context())
        else:
            self._run()

    def _gains(self, gathered: int) -> bool:
        """Whether the batch that is due has more requests than in the turn before, and time and room for others."""
        batch = self._queue.gathering()
        if (
            batch is not None
            and len(batch.entries) > max(gathered, 1)
            and 2 * batch.filled <= self._placement.inline_rows_of(batch.shapes)
            and self._loop.time() < batch.entries[0].committed_at + _LONGEST_GATHERING_SECONDS
        ):
            self._gathered = len(batch.entries)
        return self._gathered > 0

    def _run(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = None
        self._gathered = 0
        self._alarm_at = _NEVER
        now = self._loop.time()
        queue, placement = self._queue, self._placement
        while not self._busy and queue.due_at <= now and (batch := queue.take()) is not None:
            for entry in batch.entries:
                if entry.deadline <= now or entry.future.done():
                    batch.keep(partial(still_wanted, now=now))
                    break
            if not batch.entries:
                queue.give_back(batch)
                continue
            inline_rows = placement.inline_rows_of(batch.shapes) if batch.shapes else placement.inline_rows
            if batch.filled <= inline_rows:
                self._run_inline(batch)
                break  # the loop gets a turn between two batches
            self._run_elsewhere(batch)
        if self._waiting_told != queue.requests_waiting:
            self._tell_waiting()
        if not self._busy and queue.due_at < self._alarm_at:
            self._wake_at(queue.due_at, self._loop.time())

    def _tell_waiting(self) -> None:
        self._waiting_told = self._queue.requests_waiting
        self._observer.queue_changed(self._waiting_told)

    def _run_inline(self, batch: Batch) -> None:
        rows, placement = batch.filled, self._placement
        started_at = self._stopwatch()
        if placement.suspects:
            placement.begin()
        outcome = self._forward.run(batch.tensors(), rows)
        seconds = self._stopwatch() - started_at
        if placement.suspects or seconds > placement.longest_seconds:
            placement.end(rows, seconds)
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
