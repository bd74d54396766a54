"""What surrounds every request: its id, its access line, and the phase of the server."""

from __future__ import annotations

import logging
import random
import re
import time
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any, TypedDict

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plimsoll.api.access_log import AccessLog
from plimsoll.api.request_head import RequestHead
from plimsoll.api.serving_state import Phase, ServingState
from plimsoll.api.site_policy import MAY_SEND, SitePolicy
from plimsoll.errors import Draining, PlimsollError

_log = logging.getLogger(__name__)
_current: ContextVar[tuple[str, tuple[str, int] | None] | None] = ContextVar("request", default=None)
"""The id of the request, and address and port of its client."""
_CLIENT_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_SECURITY = ((b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"))
"""On every answer: a browser takes it for nothing else than it says, and tells nobody where it was."""
PROBES = frozenset({"/livez", "/readyz", "/startupz", "/metrics"})
"""Asked by machines, all the time: neither counted, logged, refused nor traced."""


class Surroundings(TypedDict):
    """What a `RequestScope` is made of beside the application in it; the parts of one server share them."""

    state: ServingState
    respond: Callable[[PlimsollError, str], Response]
    access_log: AccessLog
    sites: SitePolicy


class RequestScope:
    """Wraps the application; knows its routes' replies only by status.

    `respond` renders an error where no route could: while refusing, and for an exception that nobody expected. Probes
    are answered whatever `sites` and the phase of the server say.
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
        """Answer one request; lifespan and other traffic passes through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        facts: dict[str, Any] = scope.setdefault("state", {})
        facts["started"] = time.perf_counter()
        facts["head"] = head = RequestHead(scope)
        facts["request_id"] = request_id = _request_id(head)
        token = _current.set((request_id, scope["client"]))
        try:
            if scope["path"] in PROBES:
                await self._answer(scope, receive, send)
            else:
                await self._count(scope, receive, send)
        finally:
            _current.reset(token)

    async def _count(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._state.enter()
        try:
            await self._answer(scope, receive, send)
        finally:
            self._state.leave()
            self._access_log.write(scope, seconds_since_start(scope))

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        facts = scope["state"]
        routed = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                facts["status"] = message["status"]
                message["headers"] = self._with_ours(message.get("headers", ()), facts)
            elif routed is not scope:
                message = {**message, "body": b""}  # to HEAD the head of the answer to GET is the answer
            await send(message)

        try:
            await self._answering(scope)(routed, receive, send_with_headers)
        except Exception:
            _log.exception("request broke down")
            if "status" in facts:
                raise  # the reply is under way; closing the connection is all that can still be said
            await self._respond(PlimsollError("internal"), request_id_of(scope))(scope, receive, send_with_headers)
        finally:
            if routed is not scope and "route" in routed:
                scope["route"] = routed["route"]  # for the access line

    def _answering(self, scope: Scope) -> ASGIApp:
        """What answers this request: the application, a refusal, or what a browser asks before a page may send."""
        facts = scope["state"]
        if scope["path"] in PROBES:
            return self._app
        if scope["method"] == "OPTIONS" and self._sites.is_preflight(facts["head"]):
            return Response(status_code=HTTPStatus.NO_CONTENT, headers=MAY_SEND)
        if (refusal := self._refusal(facts["head"])) is None:
            return self._app
        if "route" in facts:  # what has a route here is a prediction, which refuses by itself and is counted
            facts["refusal"] = refusal
            return self._app
        return self._respond(refusal, request_id_of(scope))

    def _with_ours(self, given: Iterable[tuple[bytes, bytes]], facts: dict[str, Any]) -> list[tuple[bytes, bytes]]:
        """The header fields of an answer, with those that every answer has."""
        own = (b"x-request-id", facts["request_id"].encode())
        headers = [*given, own, *_SECURITY, *self._sites.for_page(facts["head"])]
        if self._state.stopping:
            headers = [field for field in headers if field[0].lower() != b"connection"]
            headers.append((b"connection", b"close"))
        return headers

    def _refusal(self, head: RequestHead) -> PlimsollError | None:
        if self._state.phase is Phase.REFUSING:
            return Draining("this server is stopping; try again, another one will answer")
        return self._sites.fault(head)


def refusal_of(scope: Scope) -> PlimsollError | None:
    """The error that a handler has to answer with, whatever was asked; given once."""
    refusal: PlimsollError | None = scope["state"].pop("refusal", None)
    return refusal


def current_request() -> dict[str, str]:
    """`request_id` and `peer` of the request in whose context this is called; for log lines."""
    current = _current.get()
    if current is None:
        return {}
    request_id, client = current
    return {"request_id": request_id} if client is None else {"request_id": request_id, "peer": client[0]}


def request_id_of(scope: Scope) -> str:
    """The id that the client gave, where it is a sensible one, or a fresh one."""
    return str(scope["state"]["request_id"])


def seconds_since_start(scope: Scope) -> float:
    """How long ago this request came in."""
    return time.perf_counter() - float(scope["state"]["started"])


def note_version(scope: Scope, model: str, version: str) -> None:
    """Keep which version was chosen; the access line says it."""
    facts = scope["state"]
    facts["model"], facts["version"] = model, version


def note_timing(scope: Scope, queue_seconds: float, forward_seconds: float) -> None:
    """Have the access line say how long the request waited and how long its batch took."""
    scope["state"]["timing"] = (queue_seconds, forward_seconds)


def noted_version(scope: Scope) -> tuple[str, str]:
    """Model and version that were chosen last; empty where none was."""
    return scope["state"].get("model", ""), scope["state"].get("version", "")


def _request_id(head: RequestHead) -> str:
    given = head.get(b"x-request-id")
    if given is not None and _CLIENT_ID.fullmatch(given):
        return given
    return f"{random.getrandbits(128):032x}"  # tells requests apart, and keeps no secret
