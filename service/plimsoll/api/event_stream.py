"""Answers a predict request with server-sent events."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing

from starlette.types import Receive, Send

from plimsoll.api.auth import Gate
from plimsoll.api.counted_call import CountedCall
from plimsoll.api.error_responses import settle
from plimsoll.api.request_body import client_gone
from plimsoll.api.serving_state import ServingState
from plimsoll.errors import ClientGone, Draining, PlimsollError
from plimsoll.fronts import EVENTS
from plimsoll.fronts.v1_events import V1Events
from plimsoll.inference.call import Call
from plimsoll.inference.line import Line, ReadBody
from plimsoll.inference.payloads import PieceReport
from plimsoll.inference.ports import Front, Observer, Reply
from plimsoll.inference.row_stream import stream_rows

_log = logging.getLogger(__name__)

KEEP_ALIVE_SECONDS = 15.0


class EventStreams:
    """Answers the requests that want events.

    An error before the first event is a reply like any other. The answer begins with the first event, or with a comment
    after `KEEP_ALIVE_SECONDS`.
    """

    def __init__(self, gate: Gate, line: Line, observer: Observer, state: ServingState) -> None:
        self._gate = gate
        self._line = line
        self._observer = observer
        self._state = state
        self._events = EVENTS

    @property
    def media_type(self) -> bytes:
        """The type that a client names in `Accept`."""
        return self._events.media_type.encode()

    async def answer(self, call: Call, reader: Front, read_body: ReadBody, receive: Receive, send: Send) -> None:
        """Answer one request, whose body `reader` reads."""
        stream = _Stream(call, self._events, send)
        with CountedCall(self._observer, call, self._events.protocol, streamed=True) as counted:
            try:
                self._gate.admit(call, "predict")
                await self._stream(stream, reader, read_body, receive)
                counted.succeeded()
            except PlimsollError as fault:
                error = self._cut_off() if isinstance(fault, ClientGone) and self._state.cuts_off else fault
                counted.failed(error)
                await stream.fail(error, reader)
                settle(fault)
            except Exception:
                if not stream.begun:
                    raise
                _log.exception("a stream of events failed with an unexpected error")
                await stream.fail(PlimsollError("internal"), reader)

    async def _stream(self, stream: _Stream, reader: Front, read_body: ReadBody, receive: Receive) -> None:
        call, rows, failed = stream.call, 0, 0
        pieces = stream_rows(self._line, call, reader, read_body, lambda: self._end_of(client_gone(call, receive)))
        waiting_since = call.started
        async with stream.kept_alive(), aclosing(pieces):
            async for piece in pieces:
                seconds = time.perf_counter() - waiting_since
                is_error = piece.error is not None
                self._observer.piece_streamed(
                    PieceReport(call.model, call.version, seconds, not rows, is_error, piece.scores)
                )
                rows, failed = rows + 1, failed + is_error
                await stream.write(self._events.piece(call, piece))
                if piece.error is not None:
                    settle(piece.error)
                waiting_since = time.perf_counter()
        await stream.write(self._events.done(call, rows, failed), last=True)

    async def _end_of(self, gone: Callable[[], Awaitable[None]]) -> None:
        """Return when the client has left, or when the server cuts it off."""
        ends = [asyncio.ensure_future(gone()), asyncio.ensure_future(self._state.cutting_off())]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in ends:
                each.cancel()

    @staticmethod
    def _cut_off() -> Draining:
        return Draining("this server is stopping and had no time for the rest; ask again, another one will answer")


class _Stream:
    """The answer to one request, `begun` once its head has been sent."""

    def __init__(self, call: Call, events: V1Events, send: Send) -> None:
        self.call = call
        self.begun = False
        self._events = events
        self._send = send
        self._is_writing = False
        self._wrote_at = time.monotonic()

    async def write(self, content: bytes, *, last: bool = False) -> None:
        """Send an event or a comment; returns when the client has read enough to be sent more."""
        self._is_writing = True
        if not self.begun:
            self.begun = True
            headers = self._events.headers(self.call)
            await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._send({"type": "http.response.body", "body": content, "more_body": not last})
        self._is_writing = False
        self._wrote_at = time.monotonic()

    async def fail(self, error: PlimsollError, front: Front) -> None:
        """End the answer with an event, or send a whole reply if it has not begun."""
        self.call.status = error.status  # of the access line, also if the head has said 200
        if self.begun:
            await self.write(self._events.error(self.call, error), last=True)
            return
        reply: Reply = front.refuse(self.call, error)
        await self._send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
        await self._send({"type": "http.response.body", "body": reply.content})

    @contextlib.asynccontextmanager
    async def kept_alive(self) -> AsyncIterator[None]:
        """Send a comment whenever nothing has been sent for a while."""
        task = asyncio.create_task(self._keep_alive())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _keep_alive(self) -> None:
        while True:
            left = self._wrote_at + KEEP_ALIVE_SECONDS - time.monotonic()
            if left > 0 or self._is_writing:  # a client that does not read needs no comment
                await asyncio.sleep(left if left > 0 else KEEP_ALIVE_SECONDS)
            else:
                await self.write(self._events.keep_alive)
