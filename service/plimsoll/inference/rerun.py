"""The second run of a batch that failed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from plimsoll.errors import ClientError, Draining, PlimsollError, Unavailable
from plimsoll.inference.batch_queue import Batch, Entry
from plimsoll.inference.batch_run import Delivery, closed, error_for_client, still_wanted
from plimsoll.inference.payloads import Tensors

Submit = Callable[[Tensors, int], Awaitable[Tensors | BaseException]]
"""Runs the model on that many rows, off the event loop; raises `Draining` when the lane is closed."""


class Rerun:
    """Runs the requests of a failed batch one by one, once, so that only the requests at fault fail.

    If a request of several rows fails again, a binary search finds the row at fault: for a hundred rows that takes at
    most eight smaller runs. `now` is the loop's clock; `stopwatch` measures durations.
    """

    def __init__(
        self, submit: Submit, delivery: Delivery, now: Callable[[], float], stopwatch: Callable[[], float]
    ) -> None:
        self._submit = submit
        self._delivery = delivery
        self._now = now
        self._stopwatch = stopwatch

    async def run(self, batch: Batch, error: BaseException) -> None:
        """End every request of the batch that failed with this error."""
        failed = [(batch.entries[0], error)]
        try:
            if len(batch.entries) > 1:
                failed = [each for entry in batch.entries if (each := await self._run_alone(entry)) is not None]
            for entry, its_error in failed:
                await self._fail(entry, its_error)
        except asyncio.CancelledError:
            self._fail_all(batch, closed())
            raise
        except Draining as draining:
            self._fail_all(batch, draining)

    async def _run_alone(self, entry: Entry) -> tuple[Entry, BaseException] | None:
        """End a request, or return it with its error if it has several rows and the row at fault is to be found."""
        if not still_wanted(entry, self._now()):
            return None
        started_at = self._stopwatch()
        outcome = await self._outcome(entry, 0, entry.rows)
        if isinstance(outcome, BaseException):
            self._delivery.failed([entry], started_at)
            if entry.rows > 1:
                return entry, outcome
            self._delivery.fail(entry, error_for_client(outcome))
            return None
        self._delivery.answer([entry], outcome, started_at)
        return None

    async def _fail(self, entry: Entry, error: BaseException) -> None:
        if entry.rows > 1 and not isinstance(error, ClientError | Unavailable):
            row = await self._row_at_fault(entry)
            if row is not None and isinstance(outcome := await self._outcome(entry, row, row + 1), BaseException):
                self._delivery.fail(entry, error_for_client(outcome, row))
                return
        self._delivery.fail(entry, error_for_client(error))

    async def _row_at_fault(self, entry: Entry) -> int | None:
        """A row that fails by itself; `None` if no row does or the client no longer waits."""
        low, high = 0, entry.rows
        while high - low > 1:
            if not still_wanted(entry, self._now()):
                return None
            middle = (low + high) // 2
            if isinstance(await self._outcome(entry, low, middle), BaseException):
                high = middle
            else:
                low = middle
        return low

    async def _outcome(self, entry: Entry, low: int, high: int) -> Tensors | BaseException:
        """Run the model on some rows of a request alone; returns the outputs or the error."""
        start, end = entry.start + low, entry.start + high
        return await self._submit({name: tensor[start:end] for name, tensor in entry.batch.inputs.items()}, high - low)

    def _fail_all(self, batch: Batch, error: PlimsollError) -> None:
        for entry in batch.entries:
            self._delivery.fail(entry, error)
