"""How the service starts and stops.

Start: the port is open first, so that probes are answered; then every desired version is loaded, proven and warmed;
then the server is ready. Stop: unready, wait for load balancers to notice, refuse, drain, close.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from service.api.serving_state import Phase, ServingState
from service.control.desired_state import DesiredState
from service.control.reconciler import Reconciler
from service.errors import DesiredStateError
from service.inference.pipeline import Pipeline
from service.runtime.torch_model import TorchModel

_log = logging.getLogger(__name__)


class Lifecycle:
    """Moves the serving state through its phases; each step is logged with how long it took."""

    def __init__(
        self,
        state: ServingState,
        reconciler: Reconciler[TorchModel],
        pipeline: Pipeline,
        read_desired: Callable[[], DesiredState],
        *,
        stop_wait_seconds: float,
        stop_drain_seconds: float,
    ) -> None:
        self._state = state
        self._reconciler = reconciler
        self._pipeline = pipeline
        self._read_desired = read_desired
        self._stop_wait_seconds = stop_wait_seconds
        self._stop_drain_seconds = stop_drain_seconds
        self._loading: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to load in the background; readiness tells when it is done."""
        self._loading = asyncio.create_task(self._load())

    async def loaded(self) -> None:
        """Return when every desired version is ready or has failed."""
        if self._loading is not None:
            await asyncio.shield(self._loading)

    async def stop(self) -> None:
        """Unready, wait, refuse, drain. Returns when nothing is in flight or the time to drain is over."""
        started = time.perf_counter()
        self._state.phase = Phase.LEAVING
        _log.info("stopping: unready, answering for another %g s", self._stop_wait_seconds)
        await asyncio.sleep(self._stop_wait_seconds)
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
        """Give back what `start` took; the last step."""
        if self._loading is not None:
            self._loading.cancel()
            await asyncio.gather(self._loading, return_exceptions=True)
        self._pipeline.close()

    async def _load(self) -> None:
        try:
            desired = await asyncio.to_thread(self._read_desired)
        except DesiredStateError as error:
            _log.error("nothing is served: %s", error.message)
            return
        except Exception:  # noqa: BLE001  # whatever it is, the log has to say why nothing is served
            _log.exception("nothing is served: the desired state cannot be read")
            return
        await self._reconciler.reconcile(desired)
        if self._state.phase is Phase.STARTING:
            self._state.phase = Phase.SERVING
