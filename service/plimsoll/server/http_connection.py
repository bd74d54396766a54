"""One connection: takes requests out of its bytes, one after the other, and has each of them answered."""

from __future__ import annotations

import asyncio
import math
from contextvars import Context
from typing import Any, cast

from starlette.types import ASGIApp
from uvicorn import Config
from uvicorn.server import ServerState

from plimsoll.errors import ClientError, HeadTooSlow
from plimsoll.server.answer_writer import AnswerWriter
from plimsoll.server.asgi_scope import connection_scope, request_scope
from plimsoll.server.connections import Connections
from plimsoll.server.exchange import Exchange
from plimsoll.server.half_close import HalfClose
from plimsoll.server.lingering import Lingering
from plimsoll.server.progress import Progress
from plimsoll.server.reading_pause import MOST_WAITING_BYTES, ReadingPause, holds_enough
from plimsoll.server.refusal import refusal
from plimsoll.server.request_head import RequestHead
from plimsoll.server.request_parser import RequestParser
from plimsoll.server.websocket_exchange import WebSocketExchange

_MOST_DISCARDED_BYTES = 65_536  # a connection is kept where no more of a body is to come when the answer begins


class HttpConnection(asyncio.Protocol):
    """Reads a request only when the one before it is answered; what the client sends meanwhile waits as bytes.

    A request that two readers could understand differently is refused, and the connection closed. `Upgrade` is ignored
    (RFC 9110 section 7.8), unless it is the handshake of a WebSocket at a path where the application takes one.
    """

    __slots__ = (
        "_app", "_app_state", "_connections", "_exchange", "_half_closed", "_head_since", "_heard_at",
        "_lingering", "_loop", "_parser", "_progress", "_reading", "_scope", "_server_state", "_transport", "_writer",
        "address",
    )  # fmt: skip

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        connections: Connections,
    ) -> None:
        if not config.loaded:
            config.load()
        self._app = cast("ASGIApp", config.loaded_app)
        self._app_state = app_state
        self._server_state = server_state
        self._connections = connections
        self._loop = _loop or asyncio.get_event_loop()
        self._parser = RequestParser(connections.limits)
        self._exchange: Exchange | None = None
        self._half_closed = False
        self._head_since: float | None = None
        self._lingering: Lingering | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection, unless there are too many."""
        self._transport = cast("asyncio.Transport", transport)
        self._writer = AnswerWriter(self._transport)
        self._reading = ReadingPause(self._transport)
        self._scope = connection_scope(transport)
        self.address = self._scope["client"][0] if self._scope["client"] else ""
        admitted = self._connections.admit(self)
        self._heard_at = self._head_since = self._connections.now
        self._progress = Progress(self._heard_at)
        if admitted:
            self._server_state.connections.add(self)  # type: ignore[arg-type]  # uvicorn only calls `shutdown`
        else:
            self.close_for_another()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let the application know that the client is gone, and hold nothing of the connection."""
        del exc
        self._connections.forget(self)
        self._server_state.connections.discard(self)
        self._parser.clear()
        self._leave_exchange()
        self._writer.forget()

    def data_received(self, data: bytes) -> None:
        """Take what the client has sent."""
        self._heard_at = self._connections.now
        if self._lingering is not None:
            self._lingering.throw_away(len(data))
            return
        self._progress.brought(len(data))
        self._parser.receive(data)
        self._go_on()

    def eof_received(self) -> bool:
        """Keep the connection where the client has sent a whole request, and may still read the answer."""
        self._half_closed = True
        self._writer.flush()
        if self._parser.in_body or self._lingering is not None:
            return False
        if self._exchange is not None:
            HalfClose(self._transport, self._loop, self._exchange)
        return self._exchange is not None or self._writer.paused

    def pause_writing(self) -> None:
        """Have the application wait: the client reads more slowly than it is answered."""
        self._writer.pause()

    def resume_writing(self) -> None:
        """Let the application go on, and begin with what waits."""
        self._writer.release()
        if self._exchange is None and self._lingering is None:
            self._go_on()

    def shutdown(self) -> None:
        """Close now, or after the answer that is under way. Called by uvicorn when the server stops."""
        if self._exchange is None:
            self._close()
        else:
            self._exchange.keep_alive = False

    @property
    def waiting_since(self) -> float | None:
        """Since when it is closing, idle or silent; `None` while it is answered or brings a body.

        It is the last choice where further requests wait: clients that pipeline without end would keep all others out.
        """
        if self._lingering is not None:
            return -math.inf
        if self._exchange is not None and (idle := self._exchange.is_open_and_idle) is not None:
            return self._heard_at if idle else None
        if self._parser.in_body:
            return None if self._progress.brings else self._progress.brought_since
        if self._exchange is None:
            return self._heard_at
        return math.inf if self._parser.waiting_bytes else None

    @property
    def answered(self) -> bool:
        """Whether a request of it has been answered and the next has not begun."""
        return self._head_since is None

    def close_for_another(self) -> None:
        """Make room at once."""
        self._lingering = Lingering(self._transport, self._loop, self._connections.now)
        self._connections.forget(self)
        self._writer.abort()

    def check(self, now: float) -> None:
        """Close the connection where the client takes too long."""
        limits, progress, writer = self._connections.limits, self._progress, self._writer
        if progress.reads_nothing(now, writer.written_bytes, writer.unread_bytes, limits.write_seconds):
            self._abort_for("answer_not_read")
        elif self._lingering is not None:
            if self._lingering.is_over(now) and not writer.unread_bytes:
                self._transport.abort()
        elif self._parser.in_body:
            exchange = self._exchange
            if self._reading.paused or (exchange is not None and exchange.may_be_silent):
                progress.start(now)
            elif progress.brings_nothing(now, limits.silent_body_seconds):
                self._abort_for("body_too_slow")
            if exchange is not None and not self._reading.paused and exchange.is_lost(now - self._heard_at):
                self._abort_for("websocket_silent")
        elif self._exchange is None and not writer.paused:
            self._check_idle(now)

    def answer_begins(self) -> bool:
        """Whether the connection can be kept: little enough of the request is still to come to be thrown away."""
        left = self._parser.body_bytes_left
        is_last = self._half_closed and not self._parser.waiting_bytes
        return not is_last and left is not None and left <= _MOST_DISCARDED_BYTES

    def answer_complete(self) -> None:
        """Close, or go on with what has come behind the request."""
        exchange, self._exchange = self._exchange, None
        self._server_state.total_requests += 1
        if exchange is None or self._transport.is_closing():
            return
        if not exchange.keep_alive:
            self._close(lingers=exchange.expects_more)
            return
        self._heard_at = self._connections.now
        if self._parser.waiting_bytes or self._reading.paused or self._half_closed:
            self._go_on()

    def _go_on(self) -> None:
        """Hand on what has come of a body, and begin with the next request where none is being answered.

        While the client does not read its answers nothing is begun, or they would fill the memory.
        """
        parser = self._parser
        try:
            if parser.in_body:
                self._feed_body()
            if self._exchange is None and not self._writer.paused and not parser.in_body and parser.waiting_bytes:
                head = parser.next_head()
                if head is not None:
                    self._begin(head)
                elif self._head_since is None and parser.waiting_bytes:
                    self._head_since = self._connections.now
        except ClientError as error:
            self._refuse(error)
        else:
            if self._half_closed and self._exchange is None and not self._writer.paused:
                self._close()
            elif parser.waiting_bytes or self._reading.paused:
                self.regulate_reading()

    def _begin(self, head: RequestHead) -> None:
        self._head_since = None
        self._exchange = exchange = self._new_exchange(head)
        running = self._server_state.tasks
        # In no context, or a pipelined request would inherit the trace of the one before it. With a name, because
        # asyncio would form one; not by the loop's own method, which would form it and then change it.
        run = exchange.run(self._app, running)
        running.add(asyncio.Task(run, loop=self._loop, name="request", context=Context()))
        if self._parser.in_body:
            self._progress.start(self._connections.now)
            exchange.awaits_continue = head.expects_continue
            self._feed_body()
        else:
            exchange.feed(b"", last=True)
        if self._half_closed:
            HalfClose(self._transport, self._loop, exchange)

    def _new_exchange(self, head: RequestHead) -> Exchange:
        connections, writer = self._connections, self._writer
        if head.asks_for_websocket and connections.upgrades(head.target):
            self._parser.leave_http()
            return WebSocketExchange(self, writer, connections, self._scope, head, self._app_state)
        scope = request_scope(self._scope, head, self._app_state)
        return Exchange(self, writer, connections, scope, keep_alive=head.keep_alive)

    def _feed_body(self) -> None:
        part, exchange = self._parser.next_part(), self._exchange
        if exchange is not None:
            exchange.feed(part, last=not self._parser.in_body)
            if exchange.unread_bytes > MOST_WAITING_BYTES:
                self.regulate_reading()
        if self._parser.stopped_early:
            self._reading.begin()
            self._loop.call_soon(self._go_on)

    def regulate_reading(self) -> None:
        """Read on, unless so much has come that nobody has taken yet."""
        pipelined = self._connections.limits.pipelined
        if holds_enough(self._exchange, self._parser, pipelined, unread=self._writer.paused):
            self._reading.begin()
        elif self._reading.end():
            self._progress.start(self._connections.now)

    def _check_idle(self, now: float) -> None:
        if self._head_since is None:
            if now - self._heard_at > self._connections.limits.keep_alive_seconds:
                self._close()
        elif now - self._head_since > self._connections.limits.head_seconds:
            self._refuse(HeadTooSlow("the head of the request did not come in time"))

    def _leave_exchange(self) -> None:
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.leave()

    def _refuse(self, error: ClientError) -> None:
        """Answer what is no request, unless another answer has begun or nothing was sent, and close."""
        self._connections.refused(error.code, self.address)
        exchange = self._exchange
        self._leave_exchange()
        if (exchange is None or not exchange.begun) and self._parser.waiting_bytes:
            self._writer.write(refusal(error, self._connections.date_field, self._parser.waiting_path))
        self._close()

    def _close(self, *, lingers: bool = False) -> None:
        """Close once what is written has been sent; read on for a while where the client may still be sending."""
        self._lingering = Lingering(self._transport, self._loop, self._connections.now)
        self._server_state.connections.discard(self)  # a server that stops does not wait for it
        lingers = not self._half_closed and (lingers or self._parser.in_body or self._parser.waiting_bytes > 0)
        self._parser.clear()
        self._reading.end()
        self._writer.flush()
        if lingers:
            self._transport.write_eof()
        else:
            self._transport.close()

    def _abort_for(self, reason: str) -> None:
        self._connections.refused(reason, self.address)
        self.close_for_another()
