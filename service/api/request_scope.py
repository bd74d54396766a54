"""What surrounds every request: its id, its access line, the phase of the server, and the bounds of its body."""

from __future__ import annotations

import asyncio
import logging
import re
import time
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.access_log import AccessLog
from service.api.serving_state import Phase, ServingState
from service.errors import (
    BodyTooLarge,
    ClientGone,
    DeadlineExceeded,
    Draining,
    PlimsollError,
    UnsupportedMediaType,
    quote,
)

_log = logging.getLogger(__name__)
_current_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
_CLIENT_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_PROBES = frozenset({"/livez", "/readyz", "/startupz", "/metrics"})
# A client that is still sending cannot read the reply, so a body that is too long is read on to here and thrown away.
_DISCARD_FACTOR = 8


class RequestScope:
    """Wraps the application; knows its routes' replies only by status.

    `respond` renders an error where no route could: while refusing, and for an exception that nobody expected.
    """

    def __init__(
        self,
        app: ASGIApp,
        state: ServingState,
        respond: Callable[[PlimsollError, str], Response],
        access_log: AccessLog,
    ) -> None:
        self._app = app
        self._state = state
        self._respond = respond
        self._access_log = access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; lifespan and other traffic passes through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        facts: dict[str, Any] = scope.setdefault("state", {})
        facts |= {"request_id": _request_id(scope), "started": time.perf_counter()}
        token = _current_request_id.set(request_id_of(scope))
        try:
            if scope["path"] in _PROBES:
                await self._answer(scope, receive, send)
            else:
                await self._count(scope, receive, send)
        finally:
            _current_request_id.reset(token)

    async def _count(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._state.enter()
        try:
            await self._answer(scope, receive, send)
        finally:
            self._state.leave()
            self._access_log.write(scope, seconds_since_start(scope))

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        facts = scope["state"]

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                facts["status"] = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id_of(scope)
                if self._state.stopping:
                    headers["Connection"] = "close"
            await send(message)

        app = self._app
        if self._state.phase is Phase.REFUSING and scope["path"] not in _PROBES:
            error = Draining("this server is stopping; try again, another one will answer")
            app = self._respond(error, request_id_of(scope))
        try:
            await app(scope, receive, send_with_headers)
        except Exception:
            _log.exception("request broke down")
            if "status" in facts:
                raise  # the reply is under way; closing the connection is all that can still be said
            await self._respond(PlimsollError("internal"), request_id_of(scope))(scope, receive, send_with_headers)


def current_request_id() -> str | None:
    """The id of the request in whose context this is called; for log lines."""
    return _current_request_id.get()


def request_id_of(scope: Scope) -> str:
    """The id that the client gave, where it is a sensible one, or a fresh one."""
    return str(scope["state"]["request_id"])


def seconds_since_start(scope: Scope) -> float:
    """How long ago this request came in."""
    return time.perf_counter() - float(scope["state"]["started"])


def note_version(scope: Scope, model: str, version: str) -> None:
    """Keep which version was chosen; the access line says it."""
    scope["state"] |= {"model": model, "version": version}


def note_timing(scope: Scope, queue_seconds: float, forward_seconds: float) -> None:
    """Have the access line say how long the request waited and how long its batch took."""
    scope["state"] |= {"queue_ms": round(queue_seconds * 1000, 3), "forward_ms": round(forward_seconds * 1000, 3)}


def noted_version(scope: Scope) -> tuple[str, str]:
    """Model and version that were chosen last; empty where none was."""
    return scope["state"].get("model", ""), scope["state"].get("version", "")


def body_bytes(request: Request, longest: int) -> int:
    """How many bytes of the body may have to be held: as many as are declared, and never more than are read."""
    declared = request.headers.get("content-length", "")
    return min(int(declared), longest) if declared.isdecimal() else longest


async def read_json_body(request: Request, longest: int, deadline: float) -> bytes:
    """The body of a request that says it is JSON, at most `longest` bytes.

    Raises:
        UnsupportedMediaType: another type, or a compressed body.
        BodyTooLarge: by its declared length or by what arrives; a moderate surplus is read and thrown away first.
        DeadlineExceeded: it has not all come by `deadline`, in seconds of the loop's clock.
        ClientGone: the client left.
    """
    _check_headers(request)
    chunks: list[bytes] = []
    length = 0
    try:
        async with asyncio.timeout_at(deadline):
            async for chunk in request.stream():
                length += len(chunk)
                if length <= longest:
                    chunks.append(chunk)
                elif length <= longest * _DISCARD_FACTOR:
                    chunks.clear()
                else:
                    break
    except TimeoutError:
        raise DeadlineExceeded("the body did not arrive in the time that the request had") from None
    except ClientDisconnect:
        raise ClientGone("the client left before it had sent its body") from None
    if length > longest:
        raise BodyTooLarge("the body is too long", expected=f"at most {longest} bytes", given=_length(request, length))
    return b"".join(chunks)


async def client_gone(request: Request) -> None:
    """Return when the client has closed its connection; for a request whose body has been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _check_headers(request: Request) -> None:
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedMediaType(
            "the body has the wrong type",
            expected="Content-Type: application/json",
            given=quote(content_type) if content_type else "none",
        )
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise UnsupportedMediaType("the body is compressed", expected="no Content-Encoding", given=quote(encoding))


def _length(request: Request, seen: int) -> str:
    declared = request.headers.get("content-length", "")
    return f"{declared} bytes" if declared.isdecimal() else f"at least {seen} bytes"


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            given = value.decode("latin-1")
            if _CLIENT_ID.fullmatch(given):
                return str(given)
    return uuid.uuid4().hex
