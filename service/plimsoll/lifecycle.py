"""Starts and stops the service.

Start: the port is open first, so that probes are answered; then every desired version is loaded, proven and warmed;
then the server is ready. Stop: unready, wait for load balancers to notice, refuse, drain, close.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any

from plimsoll.api.serving_state import Phase, ServingState
from plimsoll.background_tasks import BackgroundTasks
from plimsoll.control.desired_state import DesiredState
from plimsoll.control.desired_state_source import DesiredStateSource
from plimsoll.control.reconciler import Reconciler
from plimsoll.errors import OperatorError

_log = logging.getLogger(__name__)


class Lifecycle:
    """Moves the serving state through its phases; each step is logged with how long it took."""

    def __init__(
        self,
        state: ServingState,
        source: DesiredStateSource,
        reconciler: Reconciler[Any],
        tasks: BackgroundTasks,
        *,
        stop_wait_seconds: float,
        stop_drain_seconds: float,
    ) -> None:
        self._state = state
        self._source = source
        self._reconciler = reconciler
        self._tasks = tasks
        self._stop_wait_seconds = stop_wait_seconds
        self._stop_drain_seconds = stop_drain_seconds
        self._settled = asyncio.Event()
        self.exit_code = 0
        """The exit code of the process, known after `close`: 1 where it has never been ready, for what it loaded."""
        self._desired_once = False

    def start(self) -> None:
        """Start every background task; one follows the desired state and loads what it says."""
        self._tasks.add("desired_state", self._follow)
        self._tasks.start()

    async def settled(self) -> None:
        """Return when everything desired at first is ready or has failed."""
        await self._settled.wait()

    async def stop(self, before_refusing: Callable[[], Awaitable[None]] | None = None) -> None:
        """Unready, wait, refuse, drain. Returns when nothing is in flight or the time to drain is over."""
        started = time.perf_counter()
        self._state.phase = Phase.LEAVING
        _log.info("stopping: unready, answering for another %g s", self._stop_wait_seconds)
        await asyncio.sleep(self._stop_wait_seconds)
        if before_refusing is not None:
            await before_refusing()
        self._state.phase = Phase.REFUSING
        _log.info("stopping: refusing new requests, %d in flight", self._state.in_flight)
        try:
            async with asyncio.timeout(self._stop_drain_seconds):
                await self._state.idle()
        except TimeoutError:
            _log.warning("stopping: cutting off %d requests that are still in flight", self._state.in_flight)
        else:
            _log.info("stopping: drained after %.1f s", time.perf_counter() - started)

    async def close(self) -> None:
        """Give back what `start` took; the last step. Says at last why the server has never been ready, if it was not.

        Kubernetes shows the end of the log of a container that ended with an error.
        """
        if failed := self._reconciler.failed_from_the_start():
            self.exit_code = 1
            _log.error("this server ends without ever having been ready: %s", "; ".join(failed))
        await self._tasks.close()
        await self._reconciler.close()

    async def _follow(self) -> None:
        try:
            async with aclosing(self._source.states(self._keep_the_old)) as states, asyncio.TaskGroup() as reconciling:
                async for desired in states:  # also while a load takes long, which it may end
                    self._desired_once = True
                    reconciling.create_task(self._reconcile(desired))
        finally:
            self._settled.set()

    async def _reconcile(self, desired: DesiredState) -> None:
        if not await self._reconciler.reconcile(desired):
            return  # a newer desired state has taken its place
        if self._state.phase is Phase.STARTING:
            _quieten_garbage_collection()
            self._state.phase = Phase.SERVING
        self._settled.set()

    def _keep_the_old(self, error: OperatorError) -> None:
        self._reconciler.keep(error)
        if not self._desired_once:
            self._settled.set()  # nothing is loaded, and nothing will be until the file is mended


def _quieten_garbage_collection() -> None:
    """Have the event loop stopped less often and for less time.

    What start-up made, torch's modules above all, never dies, and a full collection that walks it takes tens of
    milliseconds. With a thousand requests in flight the youngest generation holds them all, so it is collected more
    seldom. Both rest on what is let go being free of cycles, as lanes are.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
