"""One WebSocket, as ASGI's `receive` and `send`."""

from __future__ import annotations

from typing import Any

from starlette.types import Message, Scope

from plimsoll.server.answer_writer import AnswerWriter
from plimsoll.server.asgi_scope import websocket_scope
from plimsoll.server.connections import Connections
from plimsoll.server.exchange import Exchange, OwnConnection
from plimsoll.server.request_head import RequestHead
from plimsoll.server.websocket_frames import WebSocketFrames
from plimsoll.server.websocket_handshake import switching_protocols

_BYTES_AT_ONCE = 4096
"""Bytes that become frames together; a frame of six bytes becomes an object of some hundred."""
_FREE_BYTES = 65_536
"""A message that has arrived in part counts for the common bound only beyond this."""
_PING_AFTER = 0.3
"""The share of the longest silence after which a client is pinged."""
_TRY_AGAIN_LATER = 1013


class WebSocketExchange(Exchange):
    """One WebSocket from its handshake to its end.

    The application accepts it, or refuses it with an HTTP answer. Bytes become messages only when the application
    receives one, and only while the client reads what it was sent: whatever comes meanwhile waits as bytes, of which
    the connection bounds how many. A client that is silent is pinged.
    """

    __slots__ = ("_connected", "_counted_bytes", "_frames", "_key", "_pinged", "_raw", "_unanswered")

    def __init__(
        self,
        connection: OwnConnection,
        writer: AnswerWriter,
        connections: Connections,
        base: Scope,
        head: RequestHead,
        state: dict[str, Any],
    ) -> None:
        scope = websocket_scope(base, head, state)
        super().__init__(connection, writer, connections, scope, keep_alive=False)
        self._key = dict(head.fields)[b"sec-websocket-key"]
        self._frames: WebSocketFrames | None = None
        self._raw = bytearray()
        self._connected = self._pinged = False
        self._counted_bytes = self._unanswered = 0

    @property
    def may_be_silent(self) -> bool:
        """Whether no message has arrived in part."""
        return self._frames is None or not self._frames.in_message

    @property
    def is_open_and_idle(self) -> bool:
        """Whether every message has been answered."""
        return self._unanswered <= 0

    def is_lost(self, silent_seconds: float) -> bool:
        """Whether not even a pong has come for the longest time that a connection may be idle; pings it before that."""
        longest = self._connections.limits.keep_alive_seconds
        if self._frames is None or silent_seconds < _PING_AFTER * longest:
            return False
        if self._pinged:
            return silent_seconds > longest
        self._pinged = True
        self._frames.ping()
        self._flush_frames(self._frames)
        return False

    def feed(self, part: bytes, *, last: bool) -> None:
        """Take the next bytes of the client."""
        del last
        if self.complete:
            return
        self._pinged = False
        self._raw += part
        self.unread_bytes = len(self._raw)
        self._tell()

    def leave(self) -> None:
        """The client is gone."""
        self._raw.clear()
        self._count_bytes(0)
        super().leave()

    async def receive(self) -> Message:
        """The next message, or that the WebSocket has ended."""
        if not self._connected:
            self._connected = True
            return {"type": "websocket.connect"}
        while not self.left and not self.complete:
            if (message := self._next_message()) is not None:
                return message
            if self._writer.paused and not self.complete:
                await self._writer.released()
            elif not self.complete:
                await self._change()
        code = 1006 if self._frames is None or self.left else self._frames.close_code
        return {"type": "websocket.disconnect", "code": code}

    async def send(self, message: Message) -> None:
        """Accept or refuse, send a message or close. Returns once the client has read enough to be sent more."""
        kind: str = message["type"]
        frames = self._frames
        if kind.startswith("websocket.http.response."):
            await super().send({**message, "type": kind.removeprefix("websocket.")})
        elif self.left or self.complete:
            return
        elif kind == "websocket.accept" and frames is None and not self.begun:
            self._accept(message)
        elif kind == "websocket.send" and frames is not None:
            await self._send_message(frames, message)
        elif kind == "websocket.close" and frames is not None:
            frames.close(message.get("code", 1000), message.get("reason") or "")
            self._flush_frames(frames)
        elif kind == "websocket.close" and not self.begun:
            await super().send({"type": "http.response.start", "status": 403, "headers": [(b"content-length", b"0")]})
            await super().send({"type": "http.response.body"})
        else:
            raise RuntimeError(f"the application sent {kind} out of turn")

    def _accept(self, message: Message) -> None:
        self.begun = True
        self._frames = WebSocketFrames(self._connections.limits.message_bytes)
        self._writer.write(switching_protocols(self._key, message.get("headers", ()), self._connections.date_field))

    async def _send_message(self, frames: WebSocketFrames, message: Message) -> None:
        text = message.get("text")
        content = message["bytes"] if text is None else text
        while self._writer.paused:  # several may wait, and the first of them may fill it again
            await self._writer.released()
        if self.left or self.complete:
            return
        self._unanswered -= 1
        frames.send(content)
        self._flush_frames(frames)

    def _next_message(self) -> Message | None:
        """The next complete message; `None` if more has to come, or if the client has to read first."""
        frames = self._frames
        while frames is not None and not self.complete:
            if frames.messages:
                self._unanswered += 1
                content = frames.messages.popleft()
                return {"type": "websocket.receive", "text" if isinstance(content, str) else "bytes": content}
            if not self._raw or self._writer.paused:
                break
            piece = bytes(self._raw[:_BYTES_AT_ONCE])
            del self._raw[:_BYTES_AT_ONCE]
            self.unread_bytes = len(self._raw)
            frames.feed(piece)
            self._count_bytes(frames.partial_bytes)
            if self._connections.message_bytes > self._connections.limits.all_message_bytes and self._counted_bytes:
                frames.close(_TRY_AGAIN_LATER, "too many long messages arrive at once")
            self._flush_frames(frames)
            self._connection.regulate_reading()
        return None

    def _count_bytes(self, held: int) -> None:
        """Count the bytes of a long message that has arrived in part among those of all connections."""
        counted = held if held > _FREE_BYTES else 0
        self._connections.message_bytes += counted - self._counted_bytes
        self._counted_bytes = counted

    def _flush_frames(self, frames: WebSocketFrames) -> None:
        """Write what the frames have to say, and end with their close frame."""
        if output := frames.output():
            self._writer.write(output)
        if frames.closed and not self.complete:
            self.complete = True
            self._raw.clear()
            self.unread_bytes = 0
            self._count_bytes(0)
            self._tell()
            self._tell_end()
            self._connection.answer_complete()
