"""Additional servers in the process: the admin API, and metrics on a separate port."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from plimsoll.server.connection_limits import ConnectionLimits

PROTOCOL_OPTIONS: dict[str, Any] = {
    "ws": "none",
    "interface": "asgi3",  # uvicorn would look for a coroutine function, which an application need not be
    "log_config": None,
    "access_log": False,
    "server_header": False,
    "proxy_headers": False,  # nothing here depends on a client's address
}
"""The common configuration of all servers here."""
_MOST_CONNECTIONS = 64


class SignalFreeServer(uvicorn.Server):
    """A server that installs no signal handlers."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Install no handler, because `StopSignals` handles the signals."""
        yield


@dataclass(frozen=True, slots=True)
class Side:
    """An application with its own socket; in a thread it answers even while the main event loop is blocked."""

    app: ASGIApp
    listener: socket.socket
    in_thread: bool = False

    def server(self, protocol: Any) -> SignalFreeServer:  # noqa: ANN401  # uvicorn's
        """Its server, with `protocol` for connections."""
        return SignalFreeServer(
            uvicorn.Config(self.app, http=protocol, lifespan="off", timeout_graceful_shutdown=1, **PROTOCOL_OPTIONS)
        )

    async def serve(self, server: uvicorn.Server) -> None:
        """Serve until `server.should_exit` is set."""
        if self.in_thread:
            await asyncio.to_thread(self._serve_here, server)
        else:
            await server.serve([self.listener])

    def _serve_here(self, server: uvicorn.Server) -> None:
        with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
            runner.run(server.serve([self.listener]))


def side_limits(limits: ConnectionLimits) -> ConnectionLimits:
    """The limits of an additional server, which are low because it has few clients."""
    return replace(limits, connections=min(limits.connections, _MOST_CONNECTIONS))


async def serve_with_sides(
    main: Coroutine[Any, Any, None],
    sides: Sequence[Side],
    new_protocol: Callable[[], Any],  # uvicorn's
) -> None:
    """Run the main server and the additional ones until the main server has stopped.

    `new_protocol` makes a connection class for each of them, because the timers of a connection belong to one event
    loop.
    """
    servers = [side.server(new_protocol()) for side in sides]
    serving = [asyncio.create_task(side.serve(server)) for side, server in zip(sides, servers, strict=True)]
    try:
        await main
    finally:
        for server in servers:
            server.should_exit = True
        await asyncio.gather(*serving)
