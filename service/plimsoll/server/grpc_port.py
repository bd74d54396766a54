"""The port of gRPC: opened next to the main one, and left and closed with it."""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from plimsoll.errors import OperatorError
from plimsoll.server.listeners import listen

if TYPE_CHECKING:
    from plimsoll.rpc.parts import RpcLimits, RpcParts
    from plimsoll.rpc.rpc_server import RpcServer

_log = logging.getLogger(__name__)
_SETTING = "GRPC_PORT"


class GrpcPort:
    """Serves calls at `host` and `port` while the main server runs; when it stops, calls have `drain_seconds` to end.

    Raises:
        OperatorError: the packages for gRPC are not installed, or the address cannot be used.
    """

    def __init__(self, host: str, port: int, drain_seconds: float) -> None:
        try:
            self._module = importlib.import_module("plimsoll.rpc.rpc_server")
        except ModuleNotFoundError:
            raise OperatorError(
                f"PLIMSOLL_{_SETTING} is set, and the packages for gRPC are not installed: "
                "pip install 'plimsoll[grpc]', or build the image with EXTRAS=grpc"
            ) from None
        # gRPC opens its socket itself, and of an address that cannot be used it does not say why.
        with listen(host, port, _SETTING) as tried:
            address, _ = tried.getsockname()[:2]
        self._host = f"[{address}]" if ":" in address else address
        self.port = port
        """The port; the system's choice for 0 from the start on."""
        self._drain_seconds = drain_seconds
        self._server: RpcServer | None = None
        self._stopping: asyncio.Task[None] | None = None

    async def serve(self, parts: RpcParts, limits: RpcLimits, main: Coroutine[Any, Any, None]) -> None:
        """Serve while the main server runs.

        Raises:
            OperatorError: the port has been taken since.
        """
        self._server = server = self._module.RpcServer(parts, limits)
        try:
            self.port = await server.start(f"{self._host}:{self.port}")
        except OSError:
            main.close()
            raise OperatorError(
                f"cannot listen on {self._host} port {self.port}; choose another by PLIMSOLL_{_SETTING}"
            ) from None
        _log.info("gRPC on %s:%d", self._host, self.port)
        try:
            await main
        finally:
            await server.stop(0)
            if self._stopping is not None:
                await self._stopping

    async def leave(self) -> None:
        """Take no more calls, and ask clients to connect to another server; the calls in progress go on."""
        if self._server is not None:
            self._stopping = asyncio.create_task(self._server.stop(self._drain_seconds))
            await asyncio.sleep(0)
