"""The handler of sessions: each message of a WebSocket is a predict request with an id."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from starlette.types import Message, Receive, Scope, Send

from plimsoll.api.auth import Gate
from plimsoll.api.counted_call import CountedCall
from plimsoll.api.error_responses import reply_to, settle
from plimsoll.api.request_scope import named_in_log
from plimsoll.api.serving_state import ServingState
from plimsoll.errors import PlimsollError, UnsupportedMediaType
from plimsoll.fronts.v1_session import V1Session
from plimsoll.inference.admission import Permit
from plimsoll.inference.call import CALL, Call
from plimsoll.inference.line import Line, VersionSelector
from plimsoll.inference.ports import Observer, Reply
from plimsoll.inference.request_head import RequestHead

_log = logging.getLogger(__name__)

MOST_IN_FLIGHT = 16
IDLE_SECONDS = 600.0
CLIENT_GONE = "plimsoll.client_gone"
"""The extension of a WebSocket's scope that waits for the client to leave, whether or not messages are received."""
_NORMAL, _GOING_AWAY = 1000, 1001
_STOPPING = "this server is stopping; open another session"
_IDLE = f"no message came for {IDLE_SECONDS:g} seconds"


class Sessions:
    """Answers the handshakes of sessions, and serves those that it accepts."""

    def __init__(
        self, gate: Gate, selector: VersionSelector, line: Line, observer: Observer, state: ServingState
    ) -> None:
        self._gate = gate
        self._selector = selector
        self._line = line
        self._observer = observer
        self._state = state
        self._front = V1Session()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a handshake with an HTTP answer, or accept it and serve until either side ends the session."""
        call: Call = scope["state"][CALL]
        try:
            self._gate.check(call, "predict")
            served = self._selector.table.select(self._front.target(call))
        except PlimsollError as error:
            await reply_to(error, call.request_id)(scope, receive, send)
            return
        call.model = served.name
        del served  # a session must not keep the weights of a version that is retired meanwhile
        await receive()
        await send({"type": "websocket.accept"})
        await Session(self, scope, receive, send).run()

    async def ask(self, call: Call, content: str | bytes | None, client_gone: Callable[[], Awaitable[None]]) -> Reply:
        """The answer to one message, or its error. `None` is a message that is not text."""
        front, body = self._front, b"" if content is None else content.encode() if isinstance(content, str) else content

        async def read_body(permit: Permit, _deadline: float) -> bytes:
            permit.complete(len(body))
            return body

        with CountedCall(self._observer, call, front.protocol) as counted:
            try:
                if content is None:
                    raise UnsupportedMediaType(
                        "the message is binary", expected="a text message with a JSON object", given="a binary message"
                    )
                served, question, answer = await self._line.ask(call, front, read_body, client_gone)
                reply = front.reply(call, served, question, answer)
            except PlimsollError as error:
                if call.asked is None and content is not None:
                    front.identify(call, body)
                reply = front.refuse(call, error)
                counted.failed(error)
                settle(error)
            except Exception:
                _log.exception("a message of a session failed with an unexpected error")
                reply = front.refuse(call, PlimsollError("internal"))
                counted.failed(PlimsollError("internal"))
            else:
                counted.succeeded()
        return reply
