"""The port of gRPC: opened next to the main one, and left and closed with it."""

from __future__ import annotations

import asyncio
import importlib
import logging
import socket
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, NamedTuple

from plimsoll.errors import OperatorError
from plimsoll.server.connection_limits import ConnectionLimits
from plimsoll.server.grpc_relay import GrpcRelay

if TYPE_CHECKING:
    from plimsoll.rpc.parts import RpcLimits, RpcParts

_log = logging.getLogger(__name__)
_LOOK_SECONDS = 0.5
"""The interval at which clients are asked to leave, once the server is unready."""
_FIRST_CALL_SECONDS = 1.0
"""The time that a client has after it has connected until it is asked to leave."""
_LAST_CALLS_SECONDS = 1.0
"""The time for calls that clients have sent before they heard that they should leave."""


class GrpcLimits(NamedTuple):
    """The limits of calls and of their connections."""

    calls: RpcLimits
    connections: ConnectionLimits


class GrpcPort:
    """Serves calls at `listener` while the main server runs; `refused` counts refused connections by reason.

    Raises:
        OperatorError: the packages for gRPC are not installed, or there is no place for temporary files.
    """

    def __init__(self, listener: socket.socket, limits: GrpcLimits, refused: Callable[[str], None]) -> None:
        try:
            self._module = importlib.import_module("plimsoll.rpc.rpc_server")
        except ModuleNotFoundError:
            raise OperatorError(
                "PLIMSOLL_GRPC_PORT is set, and the packages for gRPC are not installed: "
                "pip install 'plimsoll[grpc]', or build the image with EXTRAS=grpc"
            ) from None
        self._address = listener.getsockname()[:2]
        self._relay = GrpcRelay(listener, limits.connections, refused)
        self._limits = limits

    async def serve(self, parts: RpcParts, main: Coroutine[Any, Any, None]) -> None:
        """Serve while the main server runs."""
        server = self._module.RpcServer(parts, self._limits.calls, self._relay.client_of)
        try:
            await server.start(self._relay.address)
        except OSError:
            main.close()
            raise
        self._relay.start()
        _log.info("gRPC on %s port %d", *self._address)
        asking = asyncio.create_task(self._ask_clients_to_leave(parts))
        try:
            await main
        finally:
            asking.cancel()
            await server.stop(0)
            await self._relay.close()

    async def leave(self) -> None:
        """Take no more connections, and answer the calls of clients that have yet to hear that they should leave."""
        await self._relay.close_listener()
        self._relay.ask_to_leave()
        await asyncio.sleep(_LAST_CALLS_SECONDS)

    async def _ask_clients_to_leave(self, parts: RpcParts) -> None:
        """Ask clients to leave while the server is unready, those too that connect meanwhile."""
        while True:
            if parts.state.stopping:
                self._relay.ask_to_leave(_FIRST_CALL_SECONDS)
            await asyncio.sleep(_LOOK_SECONDS)
