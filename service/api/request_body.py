"""The body of a request: bounded in bytes and in time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any, cast

from starlette.types import Message, Receive

from service.api.request_head import RequestHead
from service.errors import BodyTooLarge, ClientGone, DeadlineExceeded, UnsupportedMediaType, quote

# A client that is still sending cannot read the reply, so a body that is too long is read on to here and thrown away.
_DISCARD_FACTOR = 8


def body_bytes(head: RequestHead, longest: int) -> int:
    """How many bytes of the body may have to be held: as many as are declared, and never more than are read."""
    declared = head.get(b"content-length") or ""
    return min(int(declared), longest) if declared.isdecimal() else longest


async def read_json_body(head: RequestHead, receive: Receive, longest: int, deadline: float) -> bytes:
    """The body of a request that says it is JSON, at most `longest` bytes.

    Raises:
        UnsupportedMediaType: another type, or a compressed body.
        BodyTooLarge: by its declared length or by what arrives; a moderate surplus is read and thrown away first.
        DeadlineExceeded: it has not all come by `deadline`, in seconds of the loop's clock.
        ClientGone: the client left.
    """
    if head.get(b"content-type") != "application/json" or head.has(b"content-encoding"):
        _check_headers(head)
    chunks: list[bytes] = []
    length = 0
    more = True
    while more:
        message = await _in_time(receive, deadline)
        if message["type"] == "http.disconnect":
            raise ClientGone("the client left before it had sent its body")
        chunk, more = message.get("body", b""), message.get("more_body", False)
        length += len(chunk)
        if length <= longest:
            chunks.append(chunk)
        elif length <= longest * _DISCARD_FACTOR:
            chunks.clear()
        else:
            break
    if length > longest:
        raise BodyTooLarge("the body is too long", expected=f"at most {longest} bytes", given=_length(head, length))
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def client_gone(receive: Receive) -> None:
    """Return when the client has closed its connection; for a request whose body has been read."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _in_time(receive: Receive, deadline: float) -> Message:
    """The next message; a timer is set only where it is not there yet, which for a small body is hardly ever."""
    coming = cast("Coroutine[Any, Any, Message]", receive())
    try:
        waits_for = coming.send(None)
    except StopIteration as there:
        return cast("Message", there.value)
    try:
        async with asyncio.timeout_at(deadline):
            return await _Rest(coming, waits_for)
    except TimeoutError:
        raise DeadlineExceeded("the body did not arrive in the time that the request had") from None


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


def _check_headers(head: RequestHead) -> None:
    content_type = head.get(b"content-type") or ""
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedMediaType(
            "the body has the wrong type",
            expected="Content-Type: application/json",
            given=quote(content_type) if content_type else "none",
        )
    encoding = head.get(b"content-encoding")
    if encoding is not None and encoding.lower() != "identity":
        raise UnsupportedMediaType("the body is compressed", expected="no Content-Encoding", given=quote(encoding))


def _length(head: RequestHead, seen: int) -> str:
    declared = head.get(b"content-length") or ""
    return f"{declared} bytes" if declared.isdecimal() else f"at least {seen} bytes"
