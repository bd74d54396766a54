"""Runs the batches that are due, one at a time, and gives each request its own rows of the outputs."""

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
from plimsoll.inference.return_wait import LOOK_SECONDS, ReturnWait

_log = logging.getLogger(__name__)
_NEVER = float("inf")
_LONGEST_GATHERING_SECONDS = 0.005
"""The longest delay of a batch that is due; until it runs, nothing checks its deadlines or for clients that leave."""


class BatchRunner:
    """Runs the batches of one version.

    A batch within the bound of `placement` runs on the event loop, a larger one in `executor`; only one runs at a time.
    A quick batch waits for another turn of the loop as long as each turn adds requests to it. The `observer` receives
    a report of each batch that has run, and the number of waiting requests. The loop's clock decides when a batch is
    due; the clock of `forward` measures durations, because the loop's clock may have a resolution of milliseconds.
    After a run in `executor` the next batch may wait for the clients that were just answered: see `ReturnWait`.

    If a batch fails, its requests run again one by one, so that only the requests at fault fail.
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
        """Whether no batch may start: one runs, runs again, or waits for clients to come back."""
        self._return_wait = ReturnWait()
        self._look: asyncio.TimerHandle | None = None
        """The next look for clients that come back; `None` while the next batch does not wait for them."""
        self._waiting_told = 0
        self.gathered = 0
        """The number of requests in the due batch when it last got another turn of the loop; 0 if it got none."""
        self._alarm: asyncio.TimerHandle | asyncio.Handle | None = None
        self._alarm_at = _NEVER

    @property
    def seconds_per_request(self) -> float:
        """A running mean of the time that one request takes."""
        return self._delivery.seconds_per_request

    def commit(self, entry: Entry, deadline: float) -> bool:
        """Queue a reserved entry; its future gets the outputs or the error, unless it is cancelled first.

        Returns whether it is expected to run in the loop's next turn. That is not certain, because requests that arrive
        in the same turn may make its batch too large for the event loop.
        """
        now = self._loop.time()
        queue = self._queue
        queue.commit(entry, now, deadline)
        entry.stopwatch_at = self._stopwatch()
        if self._busy:
            self._tell_waiting()
            if self._look is None or not self._has_come_back():
                return False
            self._stop_waiting()
        if queue.due_at < self._alarm_at:
            self._wake_at(queue.due_at, now)
        shapes = entry.batch.shapes
        return self._alarm_at <= now and entry.rows <= (
            self._placement.inline_rows_of(shapes) if shapes else self._placement.inline_rows
        )

    def _wake_at(self, due_at: float, now: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = due_at
        # A batch that is due now runs one turn later, so that requests that arrive together run together. The callback
        # gets an empty context, because its log lines would otherwise carry the id of the request that set the timer.
        if due_at <= now:
            self._alarm = self._loop.call_soon(self._ring, context=Context())
        else:
            self._alarm = self._loop.call_at(due_at, self._ring, context=Context())

    def _ring(self) -> None:
        """Run the batches that are due, or give them another turn of the loop.

        More requests arrive while others are read and answered, and one run for all costs little more than one for a
        few. A request that is alone does not wait, and neither does a batch that would be too large for the event loop
        if it doubled.
        """
        gathered, self.gathered = self.gathered, 0
        if self._queue.requests_waiting > max(gathered, 1) and self._gains(gathered):
            self._alarm = self._loop.call_soon(self._ring, context=Context())
        else:
            self._run()

    def _gains(self, gathered: int) -> bool:
        """Whether the due batch has gained requests since the last turn, and has time and room for more."""
        batch = self._queue.gathering()
        if (
            batch is not None
            and len(batch.entries) > max(gathered, 1)
            and 2 * batch.filled <= self._placement.inline_rows_of(batch.shapes)
            and self._loop.time() < batch.entries[0].committed_at + _LONGEST_GATHERING_SECONDS
        ):
            self.gathered = len(batch.entries)
        return self.gathered > 0

    def _run(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = None
        self.gathered = 0
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
            placement.end(rows, seconds, batch.shapes)
        self._end(batch, outcome, started_at)
        del outcome  # the traceback of an error refers to this frame: a reference cycle

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
        rows, requests, seconds = batch.filled, len(batch.entries), self._forward.last_until - started_at
        if running.cancelled():
            self._fail_all(batch, closed())
        else:
            self._end(batch, running.exception() or running.result(), started_at)
            if not self._busy and not batch.shapes and self._waits_after(rows, requests, seconds):
                return
        self._run()

    def _waits_after(self, rows: int, requests: int, seconds: float) -> bool:
        """Begin to wait for the clients of a run that had so many rows and requests; whether there is a wait."""
        waiting, now = self._queue.requests_waiting, self._stopwatch()
        if not self._return_wait.begin(rows, seconds, requests, waiting, now) or self._is_full():
            return False
        self._busy = True
        self._look_later()
        return True

    def _look_later(self) -> None:
        self._look = self._loop.call_later(LOOK_SECONDS, self._look_for_returns, context=Context())

    def _look_for_returns(self) -> None:
        if not self._has_come_back() and self._return_wait.goes_on(self._queue.requests_waiting, self._stopwatch()):
            self._look_later()
        else:
            self._stop_waiting()
            self._run()

    def _has_come_back(self) -> bool:
        """Whether all clients that are waited for have come back, or the next batch has no more room for them."""
        return self._return_wait.all_came(self._queue.requests_waiting) or self._is_full()

    def _is_full(self) -> bool:
        return self._queue.requests_waiting > 0 and self._queue.gathering() is None

    def _stop_waiting(self) -> None:
        if self._look is not None:
            self._look.cancel()
        self._look = None
        self._busy = False
        self._return_wait.end(self._queue.requests_waiting, full=self._is_full())

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
                "the model failed with %s on a batch of %d requests; each of them runs again by itself, so that only "
                "the requests at fault fail",
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
