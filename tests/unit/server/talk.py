"""An application that takes WebSockets, and its connections without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from plimsoll.server.connection_limits import ConnectionLimits
from plimsoll.server.connections import Connections
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.unit.server.wire import Wire

HANDSHAKE = (
    b"GET /talk HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
SMALL = ConnectionLimits(message_bytes=200_000, all_message_bytes=250_000, keep_alive_seconds=30.0, write_seconds=5.0)


class Talk:
    """Accepts, and keeps what it received; answers as `answer` says."""

    def __init__(self, answer: Callable[[Message], Message | None] = lambda _: None) -> None:
        self.received: list[Message] = []
        self.scope: Scope = {}
        self.may_receive = asyncio.Event()
        self.may_receive.set()
        self.sent = 0
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        assert await receive() == {"type": "websocket.connect"}
        await send({"type": "websocket.accept", "headers": [(b"x-ours", b"1")]})
        while True:
            await self.may_receive.wait()
            message = await receive()
            self.received.append(message)
            if message["type"] == "websocket.disconnect":
                return
            if (answer := self._answer(message)) is not None:
                await send(answer)
                self.sent += 1

    @property
    def texts(self) -> list[str]:
        return [message["text"] for message in self.received if "text" in message]


def wire_of(talk: ASGIApp, limits: ConnectionLimits = SMALL, connections: Connections | None = None) -> Wire:
    refused: list[str] = []
    if connections is None:
        connections = Connections(limits, refused.append, lambda target: target == b"/talk")
    wire = Wire(talk, connections=connections)
    wire.refusals = refused
    return wire


def echo(message: Message) -> Message:
    return {"type": "websocket.send", "text": message.get("text", "?")}
