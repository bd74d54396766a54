"""Checks the key of a request, then reads its body within bounds, before the application gets the request."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plimsoll.access import keys
from plimsoll.api.auth import Gate
from plimsoll.api.error_responses import reply_to
from plimsoll.errors import BodyTooLarge, BodyTooSlow, ClientGone, PlimsollError
from plimsoll.inference.call import call_of
from plimsoll.inference.request_head import RequestHead

MAX_BODY_BYTES = 64 << 10
BODY_SECONDS = 10.0


class BoundedRequests:
    """Wraps an application whose routes all require a key with the same scope.

    FastAPI alone reads the whole body first, without a limit of length or time, and checks the key after that.
    """

    def __init__(
        self,
        app: ASGIApp,
        gate: Gate,
        key_scope: keys.Scope,
        *,
        max_body_bytes: int = MAX_BODY_BYTES,
        body_seconds: float = BODY_SECONDS,
    ) -> None:
        self._app = app
        self._gate = gate
        self._key_scope = key_scope
        self._max_body_bytes = max_body_bytes
        self._body_seconds = body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; passes other ASGI scopes through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        call = call_of(scope)
        try:
            self._gate.check(call, self._key_scope)
            body: Message | None = {
                "type": "http.request",
                "body": await self._read(call.head, receive),
                "more_body": False,
            }
        except PlimsollError as error:
            await reply_to(error, call.request_id, scope["path"])(scope, receive, send)
            return

        async def receive_again() -> Message:
            nonlocal body
            if body is None:
                return await receive()
            message, body = body, None
            return message

        await self._app(scope, receive_again, send)

    async def _read(self, head: RequestHead, receive: Receive) -> bytes:
        declared = head.declared_bytes() if head.has(b"content-length") else 0
        if declared is None or declared > self._max_body_bytes:
            raise self._too_large((head.get(b"content-length") or "")[:20])
        body = bytearray()
        try:
            async with asyncio.timeout(self._body_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ClientGone("the client left before its body was complete")
                    body += message.get("body", b"")
                    if len(body) > self._max_body_bytes:
                        raise self._too_large("more")
                    if not message.get("more_body", False):
                        return bytes(body)
        except TimeoutError:
            raise BodyTooSlow(f"the body was not complete after {self._body_seconds:g} s") from None

    def _too_large(self, given: str) -> BodyTooLarge:
        return BodyTooLarge(
            "the body is longer than this port reads",
            expected=f"at most {self._max_body_bytes} bytes",
            given=f"{given} bytes",
        )
