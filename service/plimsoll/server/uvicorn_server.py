"""Serves with one process in the foreground, under uvicorn."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import uvicorn

from plimsoll.api.request_scope import current_request
from plimsoll.api.session_route import takes_websockets
from plimsoll.lifecycle import Lifecycle
from plimsoll.rpc.parts import RpcLimits
from plimsoll.server.connection_limits import ConnectionLimits
from plimsoll.server.connections import Connections
from plimsoll.server.descriptor_limit import raise_descriptor_limit
from plimsoll.server.descriptors import connections_that_fit
from plimsoll.server.fair_listener import ConnectionCounts, FairListener
from plimsoll.server.grpc_port import GrpcLimits, GrpcPort
from plimsoll.server.http_connection import HttpConnection
from plimsoll.server.listeners import listen, url_of
from plimsoll.server.side_servers import PROTOCOL_OPTIONS, Side, SignalFreeServer, serve_with_sides, side_limits
from plimsoll.server.stop_signals import CLOSING_SECONDS, StopSignals, leave
from plimsoll.settings import Settings, setting_remarks
from plimsoll.telemetry.library_refusals import refusals_of_libraries
from plimsoll.telemetry.log_writer import LogWriter
from plimsoll.telemetry.logging_setup import set_up_logging

if TYPE_CHECKING:
    from plimsoll.application import Application

_log = logging.getLogger(__name__)

_SWITCH_SECONDS = 0.0001
"""The time for which one thread keeps the interpreter's lock while another waits for it.

A forward pass on the model's own thread releases the lock at each operation. With Python's default of 5 ms a busy event
loop would make it wait for that long some twenty times. One client that keeps the loop busy could make all forward
passes a hundred times slower.
"""

_LAST_ARRIVALS_SECONDS = 1.0
"""The time for which this worker still answers recent connections, once new ones go to other workers."""


class GracefulServer(SignalFreeServer):
    """Stops through the lifecycle at the first signal of `signals`; a second one ends the process.

    uvicorn alone closes its port on the first signal, while load balancers still send to it. For workers, which listen
    on the same socket, `counts` holds the number of connections of each worker and `place` is the place of this one. A
    worker leaves a fair share of connections to the others, and before it refuses requests, all new connections.
    `leave_side` is awaited then too, for a port of another protocol.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        lifecycle: Lifecycle,
        signals: StopSignals,
        counts: ConnectionCounts | None = None,
        place: int | None = None,
        leave_side: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        super().__init__(config)
        self._leave_side = leave_side
        self._counts = counts
        self._place = place
        self._lifecycle = lifecycle
        self._signals = signals
        self._stopping: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections from `sockets`, and log the address; from now on the first signal begins the drain."""
        if self._counts is None:
            await super().startup(sockets)
            for listener in sockets or ():
                _log.info("listening on %s", url_of(listener))
        else:
            await super().startup([])
            for listener in sockets or ():
                fair = FairListener(listener, self._protocol, self.server_state.connections, self._counts, self._place)
                self.servers.append(fair)  # type: ignore[arg-type]  # uvicorn only closes it
        loop = asyncio.get_running_loop()
        self._signals.on_first(lambda: loop.call_soon_threadsafe(self._begin_to_stop))

    def _protocol(self) -> asyncio.Protocol:
        protocol: Callable[..., asyncio.Protocol] = self.config.http_protocol_class
        return protocol(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

    def _begin_to_stop(self) -> None:
        self._stopping = asyncio.create_task(self._stop())

    async def _stop(self) -> None:
        await self._lifecycle.stop(self._leave_the_port if self._counts is not None else self._leave_side)
        self.should_exit = True

    async def _leave_the_port(self) -> None:
        for listener in self.servers:
            listener.close()
        await asyncio.sleep(_LAST_ARRIVALS_SECONDS)


def serve_alone(settings: Settings) -> NoReturn:
    """Serve until a signal stops the server, then end the process.

    Raises:
        OperatorError: a port is taken or not allowed.
    """
    signals = StopSignals(stop_limit_seconds(settings), (signal.SIGTERM, signal.SIGINT))
    signals.listen()
    log = begin_process(settings)
    with contextlib.ExitStack() as sockets:
        main = sockets.enter_context(listen(settings.host, settings.port))
        sides, metrics, admin = [], None, None
        if settings.metrics_port is not None:
            metrics = sockets.enter_context(listen(settings.host, settings.metrics_port, "METRICS_PORT"))
        if settings.desired_state is not None:
            admin = sockets.enter_context(listen(settings.admin_host, settings.admin_port, "ADMIN_PORT", "ADMIN_HOST"))
        calls, grpc = None, None
        if settings.grpc_port is not None:
            calls = sockets.enter_context(listen(settings.host, settings.grpc_port, "GRPC_PORT"))
        application = new_application(settings, log)
        limits = connection_limits(settings)
        config = uvicorn.Config(
            application.asgi,
            http=http_protocol(limits, application.count_refusal, takes_websockets),
            timeout_graceful_shutdown=1,
            **PROTOCOL_OPTIONS,
        )
        if calls is not None:
            grpc = GrpcPort(calls, grpc_limits(settings), application.count_refusal)
        leave_side = None if grpc is None else grpc.leave
        server = GracefulServer(config, application.lifecycle, signals, leave_side=leave_side)
        if metrics is not None and application.metrics_app is not None:
            sides.append(Side(application.metrics_app, metrics, in_thread=True))
        if admin is not None and application.admin_app is not None:
            sides.append(Side(application.admin_app, admin))
            _log.info("admin API on %s", url_of(admin))
        side_protocol = partial(http_protocol, side_limits(limits), application.count_refusal)
        serving = serve_with_sides(server.serve([main]), sides, side_protocol)
        if grpc is not None:
            serving = grpc.serve(application.rpc, serving)
        run_and_leave(serving, signals, config.get_loop_factory(), lambda: application.lifecycle.exit_code)


def begin_process(settings: Settings) -> LogWriter:
    """Raise limits, begin to log, and warn about variables that have no effect."""
    raise_descriptor_limit()
    sys.setswitchinterval(_SWITCH_SECONDS)
    log = set_up_logging(settings.log_format, settings.log_level, current_request)
    for remark in setting_remarks(settings):
        _log.warning(remark)
    return log


def new_application(settings: Settings, log: LogWriter | None, workers_folder: Path | None = None) -> Application:
    """Make the application of this process; imports it here, after the preparation of its libraries.

    Raises:
        OperatorError: a library refuses the value of an environment variable.
    """
    with refusals_of_libraries():
        from plimsoll.application import Application  # noqa: PLC0415  # once the libraries have been prepared
    return Application(settings, workers_folder, log)


def connection_limits(settings: Settings) -> ConnectionLimits:
    """The limits of connections in the settings."""
    return ConnectionLimits(
        head_bytes=settings.max_head_bytes,
        head_fields=settings.max_head_fields,
        request_line_bytes=settings.max_request_line_bytes,
        head_seconds=settings.head_seconds,
        body_progress_seconds=settings.body_progress_seconds,
        write_seconds=settings.write_seconds,
        keep_alive_seconds=settings.keep_alive_seconds,
        pipelined=settings.max_pipelined,
        connections=connections_that_fit(settings.max_connections),
        connections_per_address=settings.max_connections_per_address,
        message_bytes=settings.max_body_bytes,
        all_message_bytes=settings.queue_bytes,
    )


def grpc_limits(settings: Settings) -> GrpcLimits:
    """The limits of the gRPC port in the settings."""
    calls = RpcLimits(
        message_bytes=settings.max_body_bytes,
        metadata_bytes=settings.max_head_bytes,
        connections=settings.max_connections,
        handshake_seconds=settings.head_seconds,
        idle_seconds=settings.keep_alive_seconds,
        message_seconds=settings.request_timeout_ms / 1000,
        slow_messages=max(1, settings.queue_bytes // settings.max_body_bytes),
        longest_seconds=settings.max_request_timeout_ms / 1000,
    )
    return GrpcLimits(calls, connection_limits(settings))


def http_protocol(
    limits: ConnectionLimits,
    count_refusal: Callable[[str], None],
    upgrades: Callable[[bytes], bool] = lambda _: False,
) -> Any:  # noqa: ANN401  # uvicorn's
    """The class of the connections of one server; `upgrades` says at which paths it takes WebSockets."""
    return partial(HttpConnection, connections=Connections(limits, count_refusal, upgrades))


def run_and_leave(
    serving: Coroutine[Any, Any, None],
    signals: StopSignals,
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None,
    exit_code: Callable[[], int] = lambda: 0,
) -> NoReturn:
    """Run to the end on a new event loop, then end the process without waiting for its other threads."""

    async def serve() -> None:
        signals.release()
        await serving

    signals.hold()
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(serve())
        leave(exit_code())


def stop_limit_seconds(settings: Settings) -> float:
    """The time after a signal at which the process ends even if requests are in flight."""
    return settings.stop_wait_seconds + settings.stop_drain_seconds + CLOSING_SECONDS
