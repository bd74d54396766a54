"""The body of a request: bounded in bytes and in time."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple

from starlette.types import Message, Receive

from plimsoll.api.inflating import inflate
from plimsoll.errors import (
    BodyTooLarge,
    BodyTooSlow,
    ClientGone,
    DeadlineExceeded,
    PlimsollError,
    UnsupportedMediaType,
)
from plimsoll.inference.admission import Permit
from plimsoll.inference.call import Call
from plimsoll.inference.reading_pool import ReadingPool
from plimsoll.inference.request_head import RequestHead
from plimsoll.quoting import quote

_PROGRESS_BYTES = 1024
# A client that is still sending cannot read the reply, so a body that is too long is read up to here and discarded.
_DISCARD_FACTOR = 8


class BodyForms(NamedTuple):
    """The bodies that a route reads: their media types, "" for a body that declares none, and their encodings."""

    media_types: tuple[str, ...]
    encodings: tuple[str, ...] = ()


class BodyReader:
    """Reads bodies of at most `longest` bytes; in each `progress_seconds` at least 1 KiB or the end must arrive.

    Compressed bodies are inflated on the threads of `reading`.
    """

    def __init__(self, longest: int, progress_seconds: float, reading: ReadingPool) -> None:
        self._longest = longest
        self._digits = len(str(longest))
        self._progress_seconds = progress_seconds
        self.reading = reading

    async def read(self, call: Call, receive: Receive, forms: BodyForms, permit: Permit, deadline: float) -> bytes:
        """Read the body of a request, of one of the forms; `permit` counts its bytes, and then is in flight.

        A body of another form is not read. No timer is set if the server says that the whole body has come, as is usual
        for small ones. A compressed body is inflated to at most the longest body, unless its client leaves first; the
        permit counts the inflated bytes too.

        Raises:
            UnsupportedMediaType: the body has another type or encoding.
            MalformedBody: the body is not compressed as its head says.
            BodyTooLarge: the declared or received length is too large; a moderate excess is read and discarded first.
            BodyTooSlow: too few bytes arrive in a period.
            DeadlineExceeded: the body is not complete, or not inflated, by `deadline`, in seconds of the loop's clock.
            Overloaded: too many bodies are being read, or too many requests or bytes are in flight.
            ClientGone: the client has disconnected.
        """
        head = call.head
        fields = head.fields
        if b"content-encoding" in fields or fields.get(b"content-type", b"").decode("latin-1") not in forms.media_types:
            check_forms(head, forms)
            if (encoding := encoding_of(head)) is not None:
                return await self._inflated(encoding, call, receive, permit, deadline)
        if len(fields.get(b"content-length", b"")) >= self._digits:
            self._check_declared(head)
        whole = None if call.whole_body is None else call.whole_body()
        if whole is not None and len(whole) <= self._longest:
            permit.complete(len(whole))
            return whole
        arrival = _Arrival(head, permit, self._longest)
        if whole is not None:
            arrival.take({"type": "http.request", "body": whole})
        return await self._read_on(arrival, receive, deadline)

    async def _inflated(self, encoding: str, call: Call, receive: Receive, permit: Permit, deadline: float) -> bytes:
        self._check_declared(call.head)
        content = await self._read_on(_Arrival(call.head, permit, self._longest), receive, deadline)
        work = partial(inflate, content, encoding, self._longest)
        body = await self.reading.read(work, deadline, client_gone(call, receive))
        permit.received(len(body))
        return body

    def _check_declared(self, head: RequestHead) -> None:
        """Refuse a body whose declared length is too large, unless it has to be read before the client reads the reply.

        A client that waits for "100 Continue" has sent nothing of the body. From other clients a moderate excess is
        read.
        """
        declared = head.declared_bytes()
        if declared is None or declared <= self._longest:
            return
        if head.has(b"expect") or declared > self._longest * _DISCARD_FACTOR:
            raise _too_large(self._longest, head)

    async def _read_on(self, arrival: _Arrival, receive: Receive, deadline: float) -> bytes:
        """Read the rest with a timer."""
        arrival.permit.wait_for_body()
        until, wanted = self._next_check(deadline), arrival.length + _PROGRESS_BYTES
        try:
            async with asyncio.timeout_at(until) as alarm:
                try:
                    while not arrival.ended:
                        arrival.take(await receive())
                        if arrival.length >= wanted:
                            until, wanted = self._next_check(deadline), arrival.length + _PROGRESS_BYTES
                            alarm.reschedule(until)
                finally:
                    del alarm  # alarm, task, error, traceback and this frame form a reference cycle
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
    """The received part of one body."""

    __slots__ = ("_head", "_longest", "content", "ended", "length", "permit")

    def __init__(self, head: RequestHead, permit: Permit, longest: int) -> None:
        self._head = head
        self._longest = longest
        self.permit = permit
        self.content = io.BytesIO()  # a list of many small chunks would take far more memory than they hold
        self.length = 0
        self.ended = False

    def take(self, message: Message) -> None:
        """Add the bytes of a message; discards bytes beyond the longest body."""
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


def client_gone(call: Call, receive: Receive) -> Callable[[], Awaitable[None]]:
    """The way to wait until the client has closed its connection; it is for a request whose body has been read.

    With Plimsoll's own server this needs no task; to receive takes one for each request.
    """
    return call.client_gone or partial(_disconnected, receive)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def encoding_of(head: RequestHead) -> str | None:
    """The content coding of a body; `None` if it is not compressed."""
    encoding = head.get(b"content-encoding")
    return None if encoding is None or encoding.strip().lower() == "identity" else encoding.strip().lower()


def check_forms(head: RequestHead, forms: BodyForms) -> None:
    """Check the media type and encoding that the head declares.

    Raises:
        UnsupportedMediaType: the body has another type or encoding.
    """
    if head.media_type() not in forms.media_types:
        content_type = head.get(b"content-type")
        raise UnsupportedMediaType(
            "the body has the wrong type",
            expected=f"Content-Type: {' or '.join(filter(None, forms.media_types))}",
            given=quote(content_type) if content_type else "none",
        )
    encoding = encoding_of(head)
    if encoding is not None and encoding not in forms.encodings:
        readable = (
            f"Content-Encoding: {' or '.join(forms.encodings)}, or none" if forms.encodings else "no Content-Encoding"
        )
        what = "the body is compressed in another way" if forms.encodings else "the body is compressed"
        raise UnsupportedMediaType(what, expected=readable, given=quote(encoding))
