"""The body of a request: bounded in bytes and in time."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Collection, Coroutine, Generator
from typing import Any, cast

from fastapi import Request
from starlette.types import Message, Receive

from plimsoll.errors import (
    BodyTooLarge,
    BodyTooSlow,
    ClientGone,
    DeadlineExceeded,
    PlimsollError,
    UnsupportedMediaType,
)
from plimsoll.inference.admission import Permit
from plimsoll.inference.call import call_of
from plimsoll.inference.request_head import RequestHead
from plimsoll.quoting import quote

_PROGRESS_BYTES = 1024
# A client that is still sending cannot read the reply, so a body that is too long is read on to here and thrown away.
_DISCARD_FACTOR = 8


class BodyReader:
    """Reads bodies of at most `longest` bytes that bring 1 KiB, or their end, in each `progress_seconds`."""

    def __init__(self, longest: int, progress_seconds: float) -> None:
        self._longest = longest
        self._digits = len(str(longest))
        self._progress_seconds = progress_seconds

    async def read(
        self, head: RequestHead, receive: Receive, media_types: Collection[str], permit: Permit, deadline: float
    ) -> bytes:
        """The body of a request, of one of the types; `permit` counts what has come of it, and is in flight then.

        Nothing is read of a body of another type. A timer is set only where the body has not come yet, which for a
        small one is hardly ever.

        Raises:
            UnsupportedMediaType: another type, or a compressed body.
            BodyTooLarge: by its declared length or by what arrives; a moderate surplus is read and thrown away first.
            BodyTooSlow: it brings too little in too long a time.
            DeadlineExceeded: it has not all come by `deadline`, in seconds of the loop's clock.
            Overloaded: too many bodies are being read, or have come.
            ClientGone: the client left.
        """
        fields = head.fields
        if b"content-encoding" in fields or fields.get(b"content-type", b"").decode("latin-1") not in media_types:
            check_media_type(head, media_types)
        if len(fields.get(b"content-length", b"")) >= self._digits:
            self._check_declared(head)
        coming: Any = receive()
        try:
            waits_for = coming.send(None)
        except StopIteration as there:
            message: Message = there.value
        else:
            return await self._read_on(
                _Arrival(head, permit, self._longest), _Rest(coming, waits_for), receive, deadline
            )
        content: bytes = message.get("body", b"")
        if message["type"] == "http.request" and not message.get("more_body") and len(content) <= self._longest:
            permit.complete(len(content))
            return content
        arrival = _Arrival(head, permit, self._longest)
        arrival.take(message)
        return await self._read_on(arrival, None, receive, deadline)

    def _check_declared(self, head: RequestHead) -> None:
        """Refuse a body that is declared too long, where reading it would help nobody.

        A client that waits for "100 Continue" has sent none of it; of other clients a moderate surplus is read.
        """
        declared = head.declared_bytes()
        if declared is None or declared <= self._longest:
            return
        if head.has(b"expect") or declared > self._longest * _DISCARD_FACTOR:
            raise _too_large(self._longest, head)

    async def _read_on(
        self, arrival: _Arrival, coming: Awaitable[Message] | None, receive: Receive, deadline: float
    ) -> bytes:
        """Read the rest with a timer; `coming` is a message that has been asked for."""
        arrival.permit.wait_for_body()
        until, wanted = self._next_check(deadline), arrival.length + _PROGRESS_BYTES
        try:
            async with asyncio.timeout_at(until) as alarm:
                try:
                    while not arrival.ended:
                        arrival.take(await (coming or receive()))
                        coming = None
                        if arrival.length >= wanted:
                            until, wanted = self._next_check(deadline), arrival.length + _PROGRESS_BYTES
                            alarm.reschedule(until)
                finally:
                    del alarm  # it holds the task, which holds its error, whose trace holds this frame
        except TimeoutError:
            arrival.check_length()
            raise self._late(arrival.length, in_time=until < deadline) from None
        arrival.check_length()
        arrival.permit.complete()
        return arrival.content.getvalue()

    def _next_check(self, deadline: float) -> float:
        return min(deadline, asyncio.get_running_loop().time() + self._progress_seconds)

    def _late(self, length: int, *, in_time: bool) -> PlimsollError:
        if in_time:
            return BodyTooSlow(
                "the body comes too slowly",
                expected=f"{_PROGRESS_BYTES} bytes or the end of the body in each {self._progress_seconds:g} seconds",
                given=f"{length} bytes in all",
            )
        error = DeadlineExceeded("the body did not arrive in the time that the request had")
        error.closes_connection = True
        return error


class _Arrival:
    """The part of one body that has arrived."""

    __slots__ = ("_head", "_longest", "content", "ended", "length", "permit")

    def __init__(self, head: RequestHead, permit: Permit, longest: int) -> None:
        self._head = head
        self._longest = longest
        self.permit = permit
        self.content = io.BytesIO()  # a list of many small chunks would take far more memory than they hold
        self.length = 0
        self.ended = False

    def take(self, message: Message) -> None:
        """Add what a message brings; what goes beyond the longest body is thrown away."""
        if message["type"] == "http.disconnect":
            raise ClientGone("the client left before it had sent its body")
        chunk: bytes = message.get("body", b"")
        self.length += len(chunk)
        self.ended = not message.get("more_body") or self.length > self._longest * _DISCARD_FACTOR
        if self.length <= self._longest:
            self.permit.received(len(chunk))
            self.content.write(chunk)
        else:
            self.content.truncate(0)

    def check_length(self) -> None:
        """Refuse a body that is too long."""
        if self.length > self._longest:
            raise _too_large(self._longest, self._head, self.length)


def _too_large(longest: int, head: RequestHead, seen: int = 0) -> BodyTooLarge:
    declared = head.declared_bytes()
    given = f"at least {seen} bytes" if declared is None else f"{declared} bytes"
    return BodyTooLarge("the body is too long", expected=f"at most {longest} bytes", given=given)


async def client_gone(receive: Receive) -> None:
    """Return when the client has closed its connection; for a request whose body has been read."""
    while (await receive())["type"] != "http.disconnect":
        pass


class _Rest:
    """A coroutine that has been begun, to be awaited to its end; `waits_for` is what it has stopped at."""

    def __init__(self, coroutine: Coroutine[Any, Any, Message], waits_for: object) -> None:
        self._coroutine = coroutine
        self._waits_for = waits_for

    def __await__(self) -> Generator[Any, Any, Message]:
        waits_for = self._waits_for
        try:
            while True:
                try:
                    sent = yield waits_for
                except BaseException as error:  # noqa: BLE001  # the coroutine's to deal with, as if it were awaited
                    waits_for = self._coroutine.throw(error)
                else:
                    waits_for = self._coroutine.send(sent)
        except StopIteration as there:
            return cast("Message", there.value)


def require_json(request: Request) -> None:
    """A dependency of routes that change something: a body has to be JSON, which no page of another site can send.

    Raises:
        UnsupportedMediaType: there is a body of another type, or a compressed one.
    """
    head = call_of(request.scope).head
    if head.declared_bytes() or head.has(b"transfer-encoding"):
        check_media_type(head, ("application/json",))


def check_media_type(head: RequestHead, media_types: Collection[str]) -> None:
    """Refuse a body of another type, or a compressed one, by what its head says.

    Raises:
        UnsupportedMediaType: another type, or a compressed body.
    """
    if head.media_type() not in media_types:
        content_type = head.get(b"content-type")
        raise UnsupportedMediaType(
            "the body has the wrong type",
            expected=f"Content-Type: {' or '.join(media_types)}",
            given=quote(content_type) if content_type else "none",
        )
    encoding = head.get(b"content-encoding")
    if encoding is not None and encoding.lower() != "identity":
        raise UnsupportedMediaType("the body is compressed", expected="no Content-Encoding", given=quote(encoding))
