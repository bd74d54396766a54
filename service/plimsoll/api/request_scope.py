"""Surrounds every request: its id, its access line, and the phase of the server."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from contextvars import ContextVar, Token
from http import HTTPStatus
from typing import TypedDict

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plimsoll.api.access_log import AccessLog
from plimsoll.api.serving_state import ServingState
from plimsoll.api.site_policy import MAY_SEND, SitePolicy
from plimsoll.errors import Draining, PlimsollError
from plimsoll.inference.call import Call, call_of
from plimsoll.inference.request_head import RequestHead

_log = logging.getLogger(__name__)
_Current = tuple[str, tuple[str, int] | None]
_Token = Token[_Current | None]
_current: ContextVar[_Current | None] = ContextVar("request", default=None)
"""The id of the request, and the address and port of its client."""
_SECURITY = ((b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"))
"""Set on every answer: the browser does not guess another media type, and sends no `Referer` from a page."""
_INTERNAL_ERROR, _TRY_AGAIN_LATER = 1011, 1013
"""Close codes of a WebSocket (RFC 6455, section 7.4.1, and the IANA registry)."""
PROBES = frozenset({"/livez", "/readyz", "/startupz", "/metrics", "/v2/health/live", "/v2/health/ready"})
"""Machines poll these paths all the time, so they are not counted, logged, refused or traced."""


class Surroundings(TypedDict):
    """The arguments of a `RequestScope` except its application; the ports of one server share them."""

    state: ServingState
    respond: Callable[[PlimsollError, str, str], Response]
    access_log: AccessLog
    sites: SitePolicy


class RequestScope:
    """Wraps the application: request ids, access lines, refusals, and the count of requests in flight.

    `respond` renders the errors that no route renders, refusals and unexpected exceptions, by the id of the request and
    its path. Probes are answered in every
    phase of the server and for every site. A WebSocket is treated like a request: it has an id and an access line,
    counts as in flight while it is open, and is refused while the server stops.
    """

    def __init__(
        self,
        app: ASGIApp,
        state: ServingState,
        respond: Callable[[PlimsollError, str, str], Response],
        access_log: AccessLog,
        sites: SitePolicy,
    ) -> None:
        self._app = app
        self._state = state
        self._respond = respond
        self._access_log = access_log
        self._sites = sites

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request; lifespan traffic passes through. It is no coroutine, which would cost each request."""
        if scope["type"] == "http":
            return self._answer(call_of(scope), scope, receive, send)
        if scope["type"] == "websocket":
            return self._converse(call_of(scope), scope, receive, send)
        return self._app(scope, receive, send)

    async def _answer(self, call: Call, scope: Scope, receive: Receive, send: Send) -> None:
        routed = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope

        def send_with_headers(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                call.status = message["status"]
                message["headers"] = self._with_ours(message.get("headers", ()), call)
            elif routed is not scope:
                message = {**message, "body": b""}  # the answer to HEAD is the head of the answer to GET
            return send(message)

        counts = scope["path"] not in PROBES
        token = self._enter(call, scope, counts=counts)
        try:
            await self._answering(call, scope)(routed, receive, send_with_headers)
        except Exception:
            _log.exception("request failed with an unexpected error")
            if call.status is not None:
                raise  # the reply has begun, so all that is left is to close the connection
            await self._response(PlimsollError("internal"), call, scope)(scope, receive, send_with_headers)
        finally:
            if routed is not scope and "route" in routed:
                scope["route"] = routed["route"]  # the access log shows it
            self._leave(call, scope, token, counts=counts)

    async def _converse(self, call: Call, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a WebSocket to the application, or refuse it before it is accepted."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "websocket.accept":
                call.status = HTTPStatus.SWITCHING_PROTOCOLS.value
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", call.request_id.encode())]
            elif message["type"] == "websocket.http.response.start":
                call.status = message["status"]
                message["headers"] = self._with_ours(message.get("headers", ()), call)
            elif message["type"] == "websocket.close" and call.status is None:
                call.status = HTTPStatus.FORBIDDEN.value  # servers answer a close before the accept with 403
            await send(message)

        token = self._enter(call, scope, counts=True)
        try:
            if (refusal := self._refusal(call.head)) is not None:
                await self._refuse_websocket(call, refusal, scope, receive, send_with_headers)
            else:
                await self._app(scope, receive, send_with_headers)
        except Exception:  # noqa: BLE001  # as for other requests: close the connection, log the traceback
            _log.exception("websocket failed with an unexpected error")
            await send({"type": "websocket.close", "code": _INTERNAL_ERROR})
        finally:
            self._leave(call, scope, token, counts=True)

    def _enter(self, call: Call, scope: Scope, *, counts: bool) -> _Token:
        if counts:
            self._state.enter()
        return _current.set((call.request_id, scope["client"]))

    def _leave(self, call: Call, scope: Scope, token: _Token, *, counts: bool) -> None:
        if counts:
            self._state.leave()
            self._access_log.write(scope, call.seconds())
        _current.reset(token)

    async def _refuse_websocket(
        self, call: Call, refusal: PlimsollError, scope: Scope, receive: Receive, send: Send
    ) -> None:
        call.status = refusal.status
        if "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": _TRY_AGAIN_LATER, "reason": refusal.code})
            return
        await self._response(refusal, call, scope)(scope, receive, send)

    def _answering(self, call: Call, scope: Scope) -> ASGIApp:
        """The application that answers: the wrapped one, a refusal, or the answer to a preflight request."""
        if scope["path"] in PROBES:
            return self._app
        if scope["method"] == "OPTIONS" and self._sites.is_preflight(call.head):
            return Response(status_code=HTTPStatus.NO_CONTENT, headers=MAY_SEND)
        if (refusal := self._refusal(call.head)) is None:
            return self._app
        if call.route:  # the routes of the table render refusals in their own format, and count them
            call.refusal = refusal
            return self._app
        return self._response(refusal, call, scope)

    def _response(self, error: PlimsollError, call: Call, scope: Scope) -> Response:
        return self._respond(error, call.request_id, scope["path"])

    def _with_ours(self, given: Iterable[tuple[bytes, bytes]], call: Call) -> list[tuple[bytes, bytes]]:
        """The header fields of an answer, plus those of every answer."""
        own = (b"x-request-id", call.request_id.encode())
        headers = [*given, own, *_SECURITY, *self._sites.for_page(call.head)]
        if self._state.stopping:
            headers = [field for field in headers if field[0].lower() != b"connection"]
            headers.append((b"connection", b"close"))
        return headers

    def _refusal(self, head: RequestHead) -> PlimsollError | None:
        if self._state.refuses:
            return Draining("this server is stopping; try again, another one will answer")
        return self._sites.fault(head)


def name_in_log(request_id: str, client: tuple[str, int] | None) -> None:
    """Name another request in the log lines of the current context from now on."""
    _current.set((request_id, client))


def current_request() -> dict[str, str]:
    """`request_id` and `peer` of the request of the current context; for log lines."""
    current = _current.get()
    if current is None:
        return {}
    request_id, client = current
    return {"request_id": request_id} if client is None else {"request_id": request_id, "peer": client[0]}
