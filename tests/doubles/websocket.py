"""A WebSocket's client over ASGI, without a server."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from plimsoll.inference.call import CLIENT_GONE
from starlette.types import ASGIApp, Message, Scope

from tests.doubles.asgi import http_scope

_PATIENCE_SECONDS = 30


class Conversation:
    """One WebSocket with an application. `open` begins it; `status` is 101, or that of the HTTP answer that refuses."""

    def __init__(self, app: ASGIApp, path: str, headers: dict[str, str] | None = None) -> None:
        self._app = app
        self.gone = asyncio.Event()
        self.scope: Scope = {
            **http_scope(path, headers=headers), "type": "websocket", "scheme": "ws", "subprotocols": [],
            "extensions": {"websocket.http.response": {}, CLIENT_GONE: self.gone.wait},
        }  # fmt: skip
        del self.scope["method"]
        self._incoming: asyncio.Queue[Message] = asyncio.Queue()
        self._outgoing: asyncio.Queue[Message] = asyncio.Queue()
        self.may_send = asyncio.Event()
        self.may_send.set()
        self.received = 0
        self.close: Message = {}
        self.status = 0
        self.body = b""
        self._running: asyncio.Task[None] | None = None

    async def open(self) -> Conversation:
        """Send the handshake and wait for the answer."""
        self._incoming.put_nowait({"type": "websocket.connect"})
        self._running = asyncio.create_task(self._run())
        message = await self._next()
        self.status = 101 if message["type"] == "websocket.accept" else message["status"]
        if self.status != 101:
            self.body = (await self._next())["body"]
            await self.ended()
        return self

    def say(self, message: object) -> None:
        """Send a text: JSON, unless it is a text already; or bytes."""
        if isinstance(message, bytes):
            self._incoming.put_nowait({"type": "websocket.receive", "bytes": message})
        else:
            text = message if isinstance(message, str) else json.dumps(message)
            self._incoming.put_nowait({"type": "websocket.receive", "text": text})

    async def hear(self) -> Any:
        """The next answer, parsed."""
        return json.loads((await self._next())["text"])

    @property
    def unheard(self) -> int:
        """The number of answers that are there."""
        return self._outgoing.qsize()

    def leave(self) -> None:
        """Close the connection."""
        self.gone.set()
        self._incoming.put_nowait({"type": "websocket.disconnect", "code": 1006})

    async def ended(self) -> None:
        """Wait until the application has ended the conversation."""
        assert self._running is not None
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await self._running

    async def _run(self) -> None:
        await self._app(self.scope, self._receive, self._send)

    async def _next(self) -> Message:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return await self._outgoing.get()

    async def _receive(self) -> Message:
        message = await self._incoming.get()
        self.received += message["type"] == "websocket.receive"
        return message

    async def _send(self, message: Message) -> None:
        await self.may_send.wait()
        if message["type"] == "websocket.close":
            self.close = message
        else:
            self._outgoing.put_nowait(message)
