"""Sessions: each message of a WebSocket is a predict request with an id, and its answer has the same id."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from plimsoll.api.auth import Gate
from plimsoll.api.counted_call import CountedCall
from plimsoll.api.error_responses import reply_to, settle
from plimsoll.api.request_scope import name_in_log
from plimsoll.api.serving_state import ServingState
from plimsoll.api.session_route import SESSION
from plimsoll.errors import PlimsollError, UnsupportedMediaType
from plimsoll.fronts import SESSION as FRONT
from plimsoll.inference.call import CALL, CLIENT_GONE, Call
from plimsoll.inference.line import Line, VersionSelector, complete_body
from plimsoll.inference.ports import Observer, Reply
from plimsoll.inference.request_head import RequestHead

_log = logging.getLogger(__name__)

MOST_IN_FLIGHT = 16
"""Messages of one session that are being answered; no more are read meanwhile."""
IDLE_SECONDS = 600.0
_NORMAL, _GOING_AWAY = 1000, 1001
_STOPPING = (_GOING_AWAY, "this server is stopping; open another session")
_IDLE = (_NORMAL, f"no message came for {IDLE_SECONDS:g} seconds")
_Close = tuple[int, str]


class Sessions:
    """Accepts or refuses the handshakes of sessions, and answers their messages."""

    def __init__(
        self, gate: Gate, selector: VersionSelector, line: Line, observer: Observer, state: ServingState
    ) -> None:
        self._gate = gate
        self._selector = selector
        self._line = line
        self._observer = observer
        self._state = state
        self._front = FRONT

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a handshake with an HTTP answer, or accept it and serve until either side ends the session."""
        call: Call = scope["state"][CALL]
        try:
            self._gate.check(call, "predict")
            call.model = self._selector.table.select(self._front.target(call)).name
        except PlimsollError as error:
            await reply_to(error, call.request_id, scope["path"])(scope, receive, send)
            return
        await receive()
        await send({"type": "websocket.accept"})
        close = await Session(self, scope, receive, send).run(self._state)
        if close is not None:
            code, reason = close
            await send({"type": "websocket.close", "code": code, "reason": reason})

    async def ask(self, call: Call, text: str | None, client_gone: Callable[[], Awaitable[None]]) -> Reply:
        """The answer to one message, or its error; `None` is a message that is not text."""
        front, body = self._front, (text or "").encode()
        with CountedCall(self._observer, call, front.protocol) as counted:
            try:
                self._gate.check(call, "predict")  # again, because the key may have been withdrawn
                _require_text(text)
                served, question, answer = await self._line.ask(call, front, complete_body(body), client_gone)
                reply = front.reply(call, served, question, answer)
                counted.succeeded(answer.scores)
            except PlimsollError as error:
                if call.asked is None:
                    front.identify(call, body)
                reply = front.refuse(call, error)
                counted.failed(error)
                settle(error)
            except Exception:  # noqa: BLE001  # a fault of one message is no fault of the others
                _log.exception("a message of a session failed with an unexpected error")
                reply = front.refuse(call, PlimsollError("internal"))
        return reply


class Session:
    """One open session."""

    def __init__(self, sessions: Sessions, scope: Scope, receive: Receive, send: Send) -> None:
        self._sessions = sessions
        self._receive = receive
        self._send = send
        self._client: Any = scope["client"]
        # A request id names one request, and each message is one.
        self._head = RequestHead([field for field in scope["headers"] if field[0] != b"x-request-id"])
        self._named = scope["state"][CALL].named
        self._gone: asyncio.Future[Any] = asyncio.ensure_future(scope["extensions"][CLIENT_GONE]())
        self._running: set[asyncio.Task[None]] = set()

    async def run(self, state: ServingState) -> _Close | None:
        """Answer messages until the session ends; the close code and reason, or `None` if the client has left.

        In a drain no more messages are read, and those that were read are answered, unless the time to drain is over.
        """
        refusing, cutting_off = asyncio.create_task(state.refusing()), asyncio.create_task(state.cutting_off())
        try:
            close = await self._read(refusing)
            while close is not None and self._running and not cutting_off.done() and not self._gone.done():
                await asyncio.wait({*self._running, cutting_off, self._gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in (refusing, cutting_off, self._gone, *self._running):
                each.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)
        return close

    async def _read(self, refusing: asyncio.Future[None]) -> _Close | None:
        """Read messages, and begin to answer each; returns as `run` does, and messages may still be answered then."""
        reading: asyncio.Future[Message] | None = None
        try:
            while not refusing.done():
                if len(self._running) >= MOST_IN_FLIGHT:
                    await asyncio.wait({*self._running, refusing, self._gone}, return_when=asyncio.FIRST_COMPLETED)
                    if self._gone.done():
                        return None
                    continue
                reading = reading or asyncio.ensure_future(self._receive())
                either: tuple[asyncio.Future[Any], ...] = (reading, refusing)
                await asyncio.wait(either, timeout=IDLE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                if reading.done():
                    message, reading = reading.result(), None
                    if message["type"] == "websocket.disconnect":
                        return None
                    self._begin(message.get("text"))
                elif not refusing.done() and not self._running:
                    return _IDLE
        finally:
            if reading is not None:
                reading.cancel()
        return _STOPPING

    def _begin(self, text: str | None) -> None:
        task = asyncio.create_task(self._answer(text))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _answer(self, text: str | None) -> None:
        call = Call(self._head, SESSION, self._named)
        name_in_log(call.request_id, self._client)  # in the context of this task
        reply = await self._sessions.ask(call, text, self._wait_until_gone)
        if reply.content:
            await self._send({"type": "websocket.send", "text": reply.content.decode()})

    async def _wait_until_gone(self) -> None:
        await asyncio.wait((self._gone,))


def _require_text(text: str | None) -> None:
    if text is None:
        raise UnsupportedMediaType(
            "the message is binary", expected="a text message that holds a JSON object", given="a binary message"
        )
