"""The executor of one version: admission, queue and model."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from contextvars import Context
from dataclasses import dataclass
from functools import partial

from plimsoll.errors import ClientGone, DeadlineExceeded
from plimsoll.inference.admission import Admission, AdmissionLimits
from plimsoll.inference.batch_limits import BatchLimits
from plimsoll.inference.batch_queue import BatchQueue, Entry
from plimsoll.inference.batch_run import Forward
from plimsoll.inference.batch_runner import BatchRunner
from plimsoll.inference.model_thread import ModelThread
from plimsoll.inference.payloads import BatchReport, Tensors
from plimsoll.inference.placement import Placement
from plimsoll.inference.ports import LaneObserver, Model, Shapes

_LONGEST_RETRY_AFTER_SECONDS = 60
ClientGoes = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class LaneLimits:
    """The limits of one version: of admission, of batches, and of the time of a run on the event loop."""

    admission: AdmissionLimits
    batch: BatchLimits
    inline_budget_seconds: float = math.inf


class Unobserved:
    """A `LaneObserver` that ignores all events."""

    def context(self) -> object:
        """Nothing."""
        return None

    def queue_changed(self, waiting: int) -> None:
        """Ignore the event."""

    def batch_finished(self, report: BatchReport) -> None:
        """Ignore the event."""

    def inline_rows_lowered(self, inline_rows: int, rows: int, seconds: float) -> None:
        """Ignore the event."""


class BatchLane:
    """One version's part of the line; created and used on the event loop.

    `admission` bounds what the version holds. `executor` runs the batches that are too slow for the event loop, and
    the lane shuts it down; the default is a new thread. `stopwatch` measures durations. `forward` shows the run in
    progress.
    """

    def __init__(
        self,
        model: Model,
        limits: LaneLimits,
        observer: LaneObserver | None = None,
        executor: Executor | None = None,
        stopwatch: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.limits = limits
        # One thread, because a model uses all cores by itself: a second run at the same time would slow down both.
        self._executor = executor or ModelThread("inference")
        self._queue = BatchQueue(model.new_batch, limits.batch)
        self._observer = observer or Unobserved()
        self.forward = Forward(model, stopwatch)
        self._placement = Placement(model.inline_rows, limits.inline_budget_seconds, self._observer)
        self._runner = BatchRunner(self.forward, self._placement, self._queue, self._executor, self._observer)
        self.admission = Admission(limits.admission, partial(_retry_after_seconds, self._runner))
        self._loop = asyncio.get_running_loop()
        self._at_once: list[tuple[asyncio.Future[Tensors], float, ClientGoes]] = []
        """The requests that are expected to run in the loop's next turn, with their deadlines."""

    @property
    def inline_rows(self) -> int:
        """The most rows that run on the event loop now."""
        return self._placement.inline_rows

    def reserve(self, rows: int, shapes: Shapes = ()) -> Entry:
        """Reserve rows of a forming batch. Write them and call `answer` before anything is awaited.

        Raises:
            InvalidInput: several rows of open shape hold more elements than a batch may have.
        """
        return self._queue.reserve(rows, self._loop.create_future(), shapes, self._observer.context())

    def answer(self, entry: Entry, deadline: float, client_gone: ClientGoes) -> asyncio.Future[Tensors]:
        """The outputs of a reserved entry. It is queued at once; await its future, and do nothing else with it.

        `client_gone` returns when the client has disconnected; an entry that has not been computed by then is dropped.
        It is not called if the answer is available at once.

        Raises:
            ClientGone: the client has disconnected.
            DeadlineExceeded: there was no answer by `deadline`, in seconds of the loop's clock.
            Draining: the lane was closed first.
            PlimsollError: the model failed on this entry.
        """
        future = entry.future
        if self._runner.commit(entry, deadline):
            if not self._at_once:
                self._loop.call_soon(self._look, context=Context())
            self._at_once.append((future, deadline, client_gone))
        else:
            self._watch(future, deadline, client_gone)
        return future

    def _look(self) -> None:
        """Watch the requests that were expected to run on the event loop, where their batch outgrew that.

        One look for all requests of a turn: a timer for each of them would cost more than the rest of its way here.
        """
        if self._runner.gathered:
            self._loop.call_soon(self._look, context=Context())
            return
        at_once, self._at_once = self._at_once, []
        for future, deadline, client_gone in at_once:
            if not future.done():
                self._watch(future, deadline, client_gone)

    def _watch(self, future: asyncio.Future[Tensors], deadline: float, client_gone: ClientGoes) -> None:
        """End a request at its deadline, or when its client has left."""
        alarm = self._loop.call_at(deadline, _expire, future)
        watch = asyncio.ensure_future(client_gone())
        watch.add_done_callback(partial(_leave, future))
        future.add_done_callback(partial(_unwatch, alarm, watch))

    async def drain(self) -> None:
        """Refuse new requests, and return when all admitted requests have been answered."""
        self.admission.close()
        await self.admission.idle()

    def close(self) -> None:
        """Shut down the executor, which finishes the batch in progress; does not wait for it."""
        self._executor.shutdown(wait=False, cancel_futures=True)


def _leave(future: asyncio.Future[Tensors], watch: asyncio.Future[None]) -> None:
    if not future.done() and not watch.cancelled():
        future.set_exception(ClientGone("the client left before it was answered"))


def _unwatch(alarm: asyncio.TimerHandle, watch: asyncio.Future[None], _future: asyncio.Future[Tensors]) -> None:
    alarm.cancel()
    watch.cancel()


def _expire(future: asyncio.Future[Tensors]) -> None:
    if not future.done():
        future.set_exception(DeadlineExceeded("the answer was not there in the time that the request had"))


def _retry_after_seconds(runner: BatchRunner, requests: int) -> int:
    """Estimate the time for a number of requests from the cost of the last ones.

    A free function, because a bound method would create a reference cycle between lane and admission. The cycle would
    keep the weights of a retired version alive until a garbage collection, and for ever if `gc.freeze` had covered it.
    """
    return min(max(1, math.ceil(requests * runner.seconds_per_request)), _LONGEST_RETRY_AFTER_SECONDS)
