"""Servers beside the main one: the admin API, and the metrics where they have a port of their own."""

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
    "log_config": None,
    "access_log": False,
    "server_header": False,
    "proxy_headers": False,  # nothing here goes by a client's address
}
"""The configuration that every server here shares."""
_MOST_CONNECTIONS = 64


class SignalFreeServer(uvicorn.Server):
    """A server that leaves the signals of the process alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Install no handler: `StopSignals` takes the signals."""
        yield


@dataclass(frozen=True, slots=True)
class Side:
    """An application with a socket of its own; in a thread it answers while the main event loop is held up."""

    app: ASGIApp
    listener: socket.socket
    in_thread: bool = False

    def server(self, protocol: Any) -> SignalFreeServer:  # noqa: ANN401  # uvicorn's
        """A server of it, whose connections `protocol` makes."""
        return SignalFreeServer(
            uvicorn.Config(self.app, http=protocol, lifespan="off", timeout_graceful_shutdown=1, **PROTOCOL_OPTIONS)
        )

    async def serve(self, server: uvicorn.Server) -> None:
        """Serve until the server is told to exit."""
        if self.in_thread:
            await asyncio.to_thread(self._serve_here, server)
        else:
            await server.serve([self.listener])

    def _serve_here(self, server: uvicorn.Server) -> None:
        with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
            runner.run(server.serve([self.listener]))


def side_limits(limits: ConnectionLimits) -> ConnectionLimits:
    """The limits of a server beside the main one, which few have a reason to connect to."""
    return replace(limits, connections=min(limits.connections, _MOST_CONNECTIONS))


async def serve_with_sides(
    main: Coroutine[Any, Any, None],
    sides: Sequence[Side],
    new_protocol: Callable[[], Any],  # uvicorn's
) -> None:
    """Serve until the main server has stopped, and beside it the sides, each with connections of its own.

    What watches over the connections of a side belongs to its event loop, and must not touch those of another one.
    """
    servers = [side.server(new_protocol()) for side in sides]
    serving = [asyncio.create_task(side.serve(server)) for side, server in zip(sides, servers, strict=True)]
    try:
        await main
    finally:
        for server in servers:
            server.should_exit = True
        await asyncio.gather(*serving)
