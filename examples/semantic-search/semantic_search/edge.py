"""Bounds on requests before they are read: how many at once, how long a body, how slow."""

from __future__ import annotations

import asyncio

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from semantic_search.errors import SearchError, TooLarge, TooSlow, Unavailable
from semantic_search.limits import BODY_BYTES, BODY_SECONDS, REQUESTS_AT_ONCE

PROBES = {"/livez", "/readyz"}


class Edge:
    """Reads each body whole before the application runs; answers 413, 408 and 503 itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["path"] in PROBES:
            await self._app(scope, receive, send)
            return
        if self._running >= REQUESTS_AT_ONCE:
            busy = Unavailable("overloaded", f"{REQUESTS_AT_ONCE} requests run already")
            await error_response(busy)(scope, receive, send)
            return
        self._running += 1
        try:
            await self._bounded(scope, receive, send)
        finally:
            self._running -= 1

    async def _bounded(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _body(receive)
        except TimeoutError:
            slow = TooSlow("the body did not come in time", expected=f"all of it within {BODY_SECONDS} seconds")
            await error_response(slow, close=True)(scope, receive, send)
            return
        except TooLarge as error:
            await error_response(error, close=True)(scope, receive, send)
            return
        if body is None:
            return
        messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return messages.pop() if messages else await receive()

        await self._app(scope, replay, send)


async def _body(receive: Receive) -> bytes | None:
    """The whole body; None if the client left."""
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > BODY_BYTES:
            raise TooLarge("the body is too long", expected=f"at most {BODY_BYTES} bytes")
        more = message.get("more_body", False)
    return bytes(body)


def error_response(error: SearchError, *, close: bool = False) -> JSONResponse:
    """The answer for an error."""
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    if close:
        headers["Connection"] = "close"
    if error.status == 401:  # noqa: PLR2004  # the one status that asks for this header
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(error.body(), error.status, headers)
