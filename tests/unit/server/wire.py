"""A connection without a socket: what a client sends goes in, what it would read comes out."""

from __future__ import annotations

import asyncio
from typing import Any

import uvicorn
from plimsoll.server.connection_limits import ConnectionLimits
from plimsoll.server.connections import Connections
from plimsoll.server.http_connection import HttpConnection
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.server import ServerState


class Recorder(asyncio.Transport):
    """The end of a connection that keeps every write. Closing it is told to the protocol, as a loop would."""

    def __init__(self, protocol: asyncio.Protocol | None = None, peer: tuple[str, int] = ("127.0.0.9", 4321)) -> None:
        super().__init__()
        self.protocol = protocol
        self.writes: list[bytes] = []
        self.closed = self.ended = self.paused = False
        self.unsent_bytes = 0
        self._peer = peer

    @property
    def said(self) -> bytes:
        """All that was written."""
        return b"".join(self.writes)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.ended, "written after the end"
        if data and not self.closed:
            self.writes.append(bytes(data))

    def write_eof(self) -> None:
        self.ended = True

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            if self.protocol is not None:
                asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    def abort(self) -> None:
        self.close()

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return self.unsent_bytes

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": self._peer, "sockname": ("127.0.0.1", 8000)}.get(name, default)

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


class Echo:
    """Answers every request with its body, and keeps what it was asked: method, path and body."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, bytes]] = []
        self.scopes: list[Scope] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body, more = body + message["body"], message["more_body"]
        self.asked.append((scope["method"], scope["path"], body))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})


class Wire:
    """One connection to an application, in a running loop."""

    def __init__(
        self,
        application: ASGIApp,
        limits: ConnectionLimits | None = None,
        connections: Connections | None = None,
        peer: tuple[str, int] = ("127.0.0.9", 4321),
        server: ServerState | None = None,
    ) -> None:
        config = uvicorn.Config(application, log_config=None, access_log=False, lifespan="off")
        config.load()
        self.refusals: list[str] = []
        self.server = ServerState() if server is None else server
        self.connections = (
            Connections(limits or ConnectionLimits(), self.refusals.append) if connections is None else connections
        )
        self.connection = HttpConnection(config, self.server, {}, connections=self.connections)
        self.client = Recorder(self.connection, peer)
        self.connection.connection_made(self.client)

    async def send(self, *packets: bytes) -> bytes:
        """What the client has read in all, once these packets have been dealt with."""
        for packet in packets:
            if self.client.closed:
                break
            self.connection.data_received(packet)
            await self.settle()
        return self.client.said

    async def settle(self) -> None:
        """Let everything happen that needs no time."""
        for _ in range(10):
            await asyncio.sleep(0)

    def over(self) -> bool:
        """Whether the client has been told the end."""
        return self.client.closed or self.client.ended

    def paused(self) -> bool:
        """Whether no more is read from the client for now."""
        return self.client.paused

    @property
    def statuses(self) -> list[int]:
        """The status of each answer so far, for answers whose bodies hold no status line."""
        return [int(part[:3]) for part in self.client.said.split(b"HTTP/1.1 ")[1:]]
