"""Surrounds every request: its id, its access line, and the phase of the server."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from http import HTTPStatus
from typing import TypedDict

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plimsoll.api.access_log import AccessLog
from plimsoll.api.serving_state import Phase, ServingState
from plimsoll.api.site_policy import MAY_SEND, SitePolicy
from plimsoll.errors import Draining, PlimsollError
from plimsoll.inference.call import Call, call_of
from plimsoll.inference.request_head import RequestHead

_log = logging.getLogger(__name__)
_current: ContextVar[tuple[str, tuple[str, int] | None] | None] = ContextVar("request", default=None)
"""The id of the request, and address and port of its client."""
_SECURITY = ((b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"))
"""On every answer: a browser takes it for nothing else than it says, and tells nobody where it was."""
_INTERNAL_ERROR, _TRY_AGAIN_LATER = 1011, 1013
"""Codes of a WebSocket's close (RFC 6455, section 7.4.1, and the registry of IANA)."""
PROBES = frozenset({"/livez", "/readyz", "/startupz", "/metrics"})
"""Asked by machines, all the time: neither counted, logged, refused nor traced."""


class Surroundings(TypedDict):
    """The arguments of a `RequestScope` besides its application; the ports of one server share them."""

    state: ServingState
    respond: Callable[[PlimsollError, str], Response]
    access_log: AccessLog
    sites: SitePolicy


class RequestScope:
    """Wraps the application; knows its routes' replies only by status.

    `respond` renders an error where no route could: while refusing, and for an exception that nobody expected. Probes
    are answered whatever `sites` and the phase of the server say. A WebSocket is a request like any other: it has an
    id and an access line, counts as in flight while it is open, and is refused while the server stops.
    """

    def __init__(
        self,
        app: ASGIApp,
        state: ServingState,
        respond: Callable[[PlimsollError, str], Response],
        access_log: AccessLog,
        sites: SitePolicy,
    ) -> None:
        self._app = app
        self._state = state
        self._respond = respond
        self._access_log = access_log
        self._sites = sites

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; lifespan traffic passes through."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        call = call_of(scope)
        token = _current.set((call.request_id, scope["client"]))
        try:
            if scope["type"] == "http" and scope["path"] in PROBES:
                await self._answer(call, scope, receive, send)
            else:
                await self._count(call, scope, receive, send)
        finally:
            _current.reset(token)

    async def _count(self, call: Call, scope: Scope, receive: Receive, send: Send) -> None:
        self._state.enter()
        try:
            if scope["type"] == "websocket":
                await self._converse(call, scope, receive, send)
            else:
                await self._answer(call, scope, receive, send)
        finally:
            self._state.leave()
            self._access_log.write(scope, call.seconds())

    async def _answer(self, call: Call, scope: Scope, receive: Receive, send: Send) -> None:
        routed = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                call.status = message["status"]
                message["headers"] = self._with_ours(message.get("headers", ()), call)
            elif routed is not scope:
                message = {**message, "body": b""}  # to HEAD the head of the answer to GET is the answer
            await send(message)

        try:
            await self._answering(call, scope)(routed, receive, send_with_headers)
        except Exception:
            _log.exception("request broke down")
            if call.status is not None:
                raise  # the reply is under way; closing the connection is all that can still be said
            await self._respond(PlimsollError("internal"), call.request_id)(scope, receive, send_with_headers)
        finally:
            if routed is not scope and "route" in routed:
                scope["route"] = routed["route"]  # for the access line

    async def _converse(self, call: Call, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a WebSocket pass, or refuse it before it is accepted."""
        if (refusal := self._refusal(call.head)) is not None:
            await self._refuse_websocket(call, refusal, scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "websocket.accept":
                call.status = HTTPStatus.SWITCHING_PROTOCOLS.value
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", call.request_id.encode())]
            elif message["type"] == "websocket.close" and call.status is None:
                call.status = HTTPStatus.FORBIDDEN.value  # what a server makes of a close before the accept
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception:  # noqa: BLE001  # as for other requests, the client gets an end and the log the trace
            _log.exception("websocket broke down")
            await send({"type": "websocket.close", "code": _INTERNAL_ERROR})

    async def _refuse_websocket(
        self, call: Call, refusal: PlimsollError, scope: Scope, receive: Receive, send: Send
    ) -> None:
        call.status = refusal.status
        if "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": _TRY_AGAIN_LATER, "reason": refusal.code})
            return
        await self._respond(refusal, call.request_id)(scope, receive, send)

    def _answering(self, call: Call, scope: Scope) -> ASGIApp:
        """The application, a refusal, or the answer to a browser that asks before a page may send."""
        if scope["path"] in PROBES:
            return self._app
        if scope["method"] == "OPTIONS" and self._sites.is_preflight(call.head):
            return Response(status_code=HTTPStatus.NO_CONTENT, headers=MAY_SEND)
        if (refusal := self._refusal(call.head)) is None:
            return self._app
        if call.route:  # the routes of the table refuse by themselves, in their own format, and are counted
            call.refusal = refusal
            return self._app
        return self._respond(refusal, call.request_id)

    def _with_ours(self, given: Iterable[tuple[bytes, bytes]], call: Call) -> list[tuple[bytes, bytes]]:
        """The header fields of an answer, with those that every answer has."""
        own = (b"x-request-id", call.request_id.encode())
        headers = [*given, own, *_SECURITY, *self._sites.for_page(call.head)]
        if self._state.stopping:
            headers = [field for field in headers if field[0].lower() != b"connection"]
            headers.append((b"connection", b"close"))
        return headers

    def _refusal(self, head: RequestHead) -> PlimsollError | None:
        if self._state.phase is Phase.REFUSING:
            return Draining("this server is stopping; try again, another one will answer")
        return self._sites.fault(head)


def current_request() -> dict[str, str]:
    """`request_id` and `peer` of the request in whose context this is called; for log lines."""
    current = _current.get()
    if current is None:
        return {}
    request_id, client = current
    return {"request_id": request_id} if client is None else {"request_id": request_id, "peer": client[0]}
