"""Starts and stops the service.

Start: open the port first, so that probes are answered; then load, prove and warm every desired version; then become
ready. Stop: become unready, wait for load balancers to notice, refuse new requests, drain, close.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, NamedTuple

from plimsoll.api.serving_state import Phase, ServingState
from plimsoll.background_tasks import BackgroundTasks
from plimsoll.control.desired_state import DesiredState
from plimsoll.control.desired_state_source import DesiredStateSource
from plimsoll.control.reconciler import Reconciler
from plimsoll.errors import OperatorError

_log = logging.getLogger(__name__)

_LAST_SHARE, _MOST_LAST_SECONDS = 0.1, 1.0
"""The end of the time to drain, in which open streams and sessions send an error and end."""


@dataclass(frozen=True, slots=True)
class Part:
    """Something that runs as long as the server: `start` is called on the event loop, and `close` may be awaited."""

    start: Callable[[], object] = lambda: None
    close: Callable[[], Awaitable[None] | None] = lambda: None


class StopSeconds(NamedTuple):
    """The seconds that a stop waits for load balancers, and at most for the requests in flight."""

    wait: float
    drain: float


class Lifecycle:
    """Moves the serving state through its phases, and logs each step of the stop.

    Everything that runs is in one list: `parts`, the loaded versions, the background tasks. It is started in this
    order and closed in the reverse one.
    """

    def __init__(
        self,
        state: ServingState,
        source: DesiredStateSource,
        reconciler: Reconciler[Any],
        tasks: BackgroundTasks,
        stop: StopSeconds,
        parts: Sequence[Part] = (),
    ) -> None:
        self._state = state
        self._source = source
        self._reconciler = reconciler
        tasks.add("desired_state", self._follow)
        self._parts = [*parts, Part(close=reconciler.close), Part(tasks.start, tasks.close)]
        self._stop_seconds = stop
        self._settled = asyncio.Event()
        self.exit_code = 0
        """The exit code of the process, set by `close`: 1 if failed loads kept the server from ever being ready."""
        self._desired_once = False

    def start(self) -> None:
        """Start every part; one background task follows the desired state and applies it."""
        for part in self._parts:
            part.start()

    async def settled(self) -> None:
        """Return when every version of the first desired state is ready or has failed."""
        await self._settled.wait()

    async def stop(self, before_refusing: Callable[[], Awaitable[None]] | None = None) -> None:
        """Become unready, wait, refuse, drain. Returns when nothing is in flight or the time to drain is over.

        Shortly before that, what is still open is asked to end with an error.
        """
        started = time.perf_counter()
        self._state.phase = Phase.LEAVING
        _log.info("stopping: unready, answering for another %g s", self._stop_seconds.wait)
        await asyncio.sleep(self._stop_seconds.wait)
        if before_refusing is not None:
            await before_refusing()
        self._state.refuse()
        _log.info("stopping: refusing new requests, %d in flight", self._state.in_flight)
        drain = self._stop_seconds.drain
        last = min(_LAST_SHARE * drain, _MOST_LAST_SECONDS)
        if not await self._drained(drain - last):
            self._state.cut_off()
            if not await self._drained(last):
                _log.warning("stopping: cutting off %d requests that are still in flight", self._state.in_flight)
                return
        _log.info("stopping: drained after %.1f s", time.perf_counter() - started)

    async def _drained(self, seconds: float) -> bool:
        """Whether nothing is in flight any more within so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self._state.idle()
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """Release everything that `start` acquired, as the last step. Logs the reason if the server was never ready.

        It logs that at the end, because Kubernetes shows the end of the log of a container that ended with an error.
        """
        if failed := self._reconciler.failed_from_the_start():
            self.exit_code = 1
            _log.error("this server ends without ever having been ready: %s", "; ".join(failed))
        for part in reversed(self._parts):
            if (closing := part.close()) is not None:
                await closing

    async def _follow(self) -> None:
        try:
            async with aclosing(self._source.states(self._keep_the_old)) as states, asyncio.TaskGroup() as reconciling:
                async for desired in states:  # also during a long load, which a newer state may cancel
                    self._desired_once = True
                    reconciling.create_task(self._reconcile(desired))
        finally:
            self._settled.set()

    async def _reconcile(self, desired: DesiredState) -> None:
        if not await self._reconciler.reconcile(desired):
            return  # a newer desired state has replaced it
        if self._state.phase is Phase.STARTING:
            _quieten_garbage_collection()
            self._state.phase = Phase.SERVING
        self._settled.set()

    def _keep_the_old(self, error: OperatorError) -> None:
        self._reconciler.keep(error)
        if not self._desired_once:
            self._settled.set()  # nothing is loaded, and nothing can be until the file is corrected


def _quieten_garbage_collection() -> None:
    """Make garbage collections shorter and rarer, because they stop the event loop.

    `gc.freeze` excludes the objects of start-up: they live for ever, and a full collection that visits them takes tens
    of milliseconds. The loader has excluded those of its runtime before, so that the collection here takes less. The
    higher threshold leaves room for the objects of a thousand requests in flight. Both require that released objects,
    such as lanes, are free of reference cycles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
