"""One request and its answer, as ASGI's `receive` and `send`."""

from __future__ import annotations

import asyncio
import http
import logging
from collections.abc import Awaitable, Generator, Sized
from typing import Any, Protocol, cast

from starlette.types import ASGIApp, Message, Scope

from plimsoll.inference.call import CLIENT_GONE, WHOLE_BODY
from plimsoll.server.answer_writer import AnswerWriter
from plimsoll.server.connections import Connections

_log = logging.getLogger(__name__)

_PHRASES = {status.value: status.phrase for status in http.HTTPStatus}
_STATUS_LINES = {code: f"HTTP/1.1 {code} {_PHRASES.get(code, '')}\r\n".encode() for code in range(200, 600)}
_LENGTH, _CONNECTION = b"content-length", b"connection"
_LINE_END, _HEAD_END = b"\r\n", b"\r\n\r\n"
_ENDS = b"\r\n\0"
"""Bytes that no field of an answer may hold: one could end the field, or the head."""
_WITHOUT_BODY = frozenset({204, 304})
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_LONGEST_JOINED_BYTES = 65_536
"""Longer bodies are written apart from their head, because a copy would cost more than a write."""


class _Done:
    """An awaitable that is done."""

    __slots__ = ()

    def __await__(self) -> Generator[None, None, None]:
        return cast("Generator[None, None, None]", iter(()))


_DONE = _Done()


class OwnConnection(Protocol):
    """The connection that an exchange belongs to."""

    def regulate_reading(self) -> None:
        """Read on: the application has taken what had come of the body."""
        ...

    def answer_begins(self) -> bool:
        """Whether the connection can be kept after this answer."""
        ...

    def answer_complete(self) -> None:
        """The answer is written."""
        ...


class Exchange:
    """Holds the body that has come and not been taken, and the head of an answer until its body is there.

    `begun` says that the head of the answer is there, `complete` that the answer is written, `left` that the client is
    gone, `awaits_continue` that it waits to be asked for its body, `expects_more` that it may send another request. The
    connection refers to its exchange only while it lasts, so that nothing here needs the garbage collector.
    """

    __slots__ = (
        "_body_begun", "_body_came", "_body_parts", "_body_taken", "_changed", "_chunked", "_connection",
        "_connections", "_end_watches", "_head", "_length_left", "_only_head", "_running", "_scope",
        "_writer", "awaits_continue", "begun", "complete", "expects_more", "http_version", "keep_alive", "left",
        "unread_bytes",
    )  # fmt: skip

    def __init__(
        self,
        connection: OwnConnection,
        writer: AnswerWriter,
        connections: Connections,
        scope: Scope,
        *,
        keep_alive: bool,
    ) -> None:
        self._connection = connection
        self._writer = writer
        self._connections = connections
        self._scope = scope
        self._only_head = scope.get("method") == "HEAD"
        self.http_version: str = scope["http_version"]
        self.keep_alive = self.expects_more = keep_alive
        self.unread_bytes = 0
        self.complete = self.left = False
        self._body_parts: list[bytes] = []
        self._body_came = self._body_begun = self._body_taken = False
        self._changed: asyncio.Event | None = None
        self._end_watches: tuple[asyncio.Future[None], ...] = ()
        self.awaits_continue = self.begun = False
        self._head = b""
        self._running: Sized = ()
        self._chunked = False
        self._length_left = 0

    @property
    def may_be_silent(self) -> bool:
        """Whether the client may wait although something of it is still to come."""
        return self.awaits_continue

    @property
    def is_open_and_idle(self) -> bool | None:
        """Of a WebSocket, whether every message has been answered; `None` for a request."""
        return None

    def is_lost(self, silent_seconds: float) -> bool:
        """Whether the client has been silent for so long that it must be gone."""
        del silent_seconds
        return False

    def feed(self, part: bytes, *, last: bool) -> None:
        """Take a part of the body; what comes after the answer is thrown away."""
        if self.complete:
            return
        if part:
            self.awaits_continue = False
            self._body_parts.append(part)
            self.unread_bytes += len(part)
        self._body_came = last
        self._tell()

    def whole_body(self) -> bytes | None:
        """The body if all of it has come and none was received, or else `None`; then it counts as received."""
        return None if self.left or not self._body_came or self._body_begun else self._take_body()

    def leave(self) -> None:
        """The client is gone."""
        self.left = True
        self._body_parts.clear()
        self._tell()
        self._tell_end()

    def client_gone(self) -> asyncio.Future[None]:
        """Done once the client is gone. It costs next to nothing, whereas a task that receives would cost much."""
        gone = asyncio.get_running_loop().create_future()
        self._end_watches = (*(each for each in self._end_watches if not each.done()), gone)
        if self.left:
            self._tell_end()
        return gone

    async def run(self, app: ASGIApp, running: set[asyncio.Task[None]]) -> None:
        """Have the application answer, and see that something is answered; then take the own task out of `running`."""
        self._running = running
        scope, self._scope = self._scope, {}  # the scope will refer to this object, which must not refer to it
        extensions: dict[str, Any] = scope["extensions"]
        extensions[WHOLE_BODY], extensions[CLIENT_GONE] = self.whole_body, self.client_gone
        try:
            await app(scope, self.receive, self.send)
        except asyncio.CancelledError:
            self._writer.abort()
            raise
        except Exception:  # noqa: BLE001  # an application may raise anything, and the connection has to end
            _log.exception("the application failed on a request; its connection is closed")
            self._writer.abort()
        else:
            if not self.complete and not self.left:
                _log.error("the application did not finish its answer; the connection is closed")
                self._writer.abort()
        finally:
            if (task := asyncio.current_task()) is not None:
                running.discard(task)  # a callback of the task would cost another turn of the event loop

    async def receive(self) -> Message:
        """The next part of the body, or that the client is gone or answered."""
        while not self.left and not self.complete:
            if self._body_parts or (self._body_came and not self._body_taken):
                return {"type": "http.request", "body": self._take_body(), "more_body": not self._body_came}
            if self.awaits_continue and not self.begun:
                self.awaits_continue = False
                self._writer.write(_CONTINUE)
            await self._change()
        return {"type": "http.disconnect"}

    def send(self, message: Message) -> Awaitable[None]:
        """Take the head or a part of the answer. It is no coroutine, which would cost each request two of them."""
        if self.left:
            return _DONE
        if message["type"] == "http.response.start" and not self.begun:
            self._begin(message)
        elif message["type"] == "http.response.body" and self.begun and not self.complete:
            self._go_on(message.get("body", b""), more=message.get("more_body", False))
            if not self.complete:
                return self._writer.released()
        else:
            raise RuntimeError(f"the application sent {message['type']} out of turn")
        return _DONE

    def flush(self) -> None:
        """Write what was kept: an answer, or the head of one whose body did not follow within a turn of the loop."""
        if self._head and not self.left:
            self._write_body(b"")
        else:
            self._writer.flush()

    async def _change(self) -> None:
        """Return when something has come, or the client is gone."""
        if self._changed is None:
            self._changed = asyncio.Event()
        self._changed.clear()
        await self._changed.wait()

    def _tell(self) -> None:
        if self._changed is not None:
            self._changed.set()

    def _tell_end(self) -> None:
        watches, self._end_watches = self._end_watches, ()
        for gone in watches:
            if not gone.done():
                gone.set_result(None)

    def _take_body(self) -> bytes:
        parts = self._body_parts
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        self._body_parts = []
        self._body_begun = True
        self.unread_bytes = 0
        self._body_taken = self._body_came
        if not self._body_came:
            self._connection.regulate_reading()
        return body

    def _begin(self, message: Message) -> None:
        self.begun = True
        status: int = message["status"]
        lines = [_STATUS_LINES[status] + self._connections.date_field[: -len(_LINE_END)]]
        sized = closes = False
        for name, value in message.get("headers", ()):
            length = len(name)  # few other names are as long, and most need no second look
            if length == len(_LENGTH) and name.lower() == _LENGTH:
                sized = True
                self._length_left = int(value)
            elif length == len(_CONNECTION) and name.lower() == _CONNECTION and b"close" in value.lower():
                closes = True
            lines.append(b": ".join((name, value)))
        # A client that was not asked for its body may send it or not: what comes next could be either.
        keeps = self.keep_alive and not closes and not self.awaits_continue
        self.keep_alive = keeps and self._connection.answer_begins()
        if not self.keep_alive and not closes:
            lines.append(b"connection: close")
        if self._only_head or status in _WITHOUT_BODY:
            self._length_left = 0
        elif not sized:
            self._chunked = self.http_version == "1.1"
            if self._chunked:
                lines.append(b"transfer-encoding: chunked")
            else:
                self.keep_alive = False
        head = _LINE_END.join(lines)
        if len(head.translate(None, _ENDS)) != len(head) - len(_LINE_END) * len(lines):  # the first is two lines
            raise RuntimeError("a header field of the answer holds a line end or a zero byte")
        self._head = head + _HEAD_END
        self._connections.flush_soon(self, len(self._running))

    def _go_on(self, body: bytes, *, more: bool) -> None:
        if self._chunked:
            self._write_body((b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + (b"" if more else b"0\r\n\r\n"))
        elif self._only_head:
            self._write_body(b"")
        elif len(body) > self._length_left and self.http_version == "1.1":
            raise RuntimeError("the answer is longer than its Content-Length")
        else:
            self._length_left -= len(body)
            if self._head and self._connections.together and not more and len(body) <= _LONGEST_JOINED_BYTES:
                head, self._head = self._head, b""
                self._writer.keep(head + body)
            else:
                self._write_body(body)
        if not more:
            if self._length_left > 0:
                raise RuntimeError("the answer is shorter than its Content-Length")
            self.complete = True
            self._tell()
            self._connection.answer_complete()

    def _write_body(self, body: bytes) -> None:
        head, self._head = self._head, b""
        if len(body) <= _LONGEST_JOINED_BYTES:
            body = head + body
        elif head:
            self._writer.write(head)
        if body:
            self._writer.write(body)
