"""Finds where the body of a request ends, and takes the framing away."""

from __future__ import annotations

import re

from service.errors import HeadTooLarge, MalformedRequest
from service.server.connection_limits import ConnectionLimits
from service.server.request_head import head_too_large, parse_fields

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_EXTENSIONS = rb"(?:;%b(?:=(?:%b|\"[\t\x20\x21\x23-\x5b\x5d-\x7e]*\"))?)*" % (_TOKEN, _TOKEN)
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})%b\r\n" % _EXTENSIONS)
_LONGEST_CHUNK_LINE_BYTES = 1024
_SMALL_CHUNK_BYTES = 16
"""Framing may take as many bytes as the data it frames; a chunk of fewer bytes than this takes more."""


class SizedBody:
    """A body whose length the head has told."""

    __slots__ = ("left",)

    def __init__(self, body_bytes: int) -> None:
        self.left: int | None = body_bytes

    @property
    def complete(self) -> bool:
        """Whether all of it has come."""
        return self.left == 0

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """What of `data` belongs to the body, and what comes after it."""
        left = self.left or 0
        if len(data) <= left:
            self.left = left - len(data)
            return data, b""
        self.left = 0
        return data[:left], data[left:]


class ChunkedBody:
    """A body in chunks (RFC 9112 section 7.1). Chunk extensions and trailers are checked and thrown away.

    `left` is `None`: nobody knows how much is to come.
    """

    __slots__ = ("_chunk_left", "_data_bytes", "_framing_bytes", "_limits", "_pending", "_trailers", "complete", "left")

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits = limits
        self._pending = b""
        self._chunk_left = 0
        self._trailers: bytes | None = None
        self._framing_bytes = self._data_bytes = 0
        self.complete = False
        self.left: int | None = None

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """What of `data` belongs to the body, and what comes after it.

        Raises:
            MalformedRequest: it is not framed as RFC 9112 says, or in so small chunks that it is mostly framing.
            HeadTooLarge: the trailers are longer than a head may be.
        """
        data, self._pending = self._pending + data, b""
        parts: list[bytes] = []
        at = 0
        while self._trailers is None:
            if self._chunk_left > 0:
                part = data[at : at + self._chunk_left]
                if not part:
                    break
                parts.append(part)
                at += len(part)
                self._chunk_left -= len(part)
                self._data_bytes += len(part)
                if self._chunk_left > 0:
                    break
                self._chunk_left = -1
            elif (begun := self._next_chunk(data, at)) is None:
                self._pending = data[at:]
                break
            else:
                at = begun
        if self._trailers is None:
            return b"".join(parts), b""
        return b"".join(parts), self._feed_trailers(data[at:])

    def _next_chunk(self, data: bytes, at: int) -> int | None:
        """Where the data of the next chunk begins; `None` where its line has not all come."""
        start = at
        if self._chunk_left < 0:  # the line end behind a chunk's data
            if len(data) - at < 2:  # noqa: PLR2004  # CRLF
                if data[at : at + 1] not in (b"", b"\r"):
                    raise _malformed()
                return None
            if data[at : at + 2] != b"\r\n":
                raise _malformed()
            at += 2
        end = data.find(b"\n", at, at + _LONGEST_CHUNK_LINE_BYTES)
        if end < 0:
            if len(data) - at >= _LONGEST_CHUNK_LINE_BYTES:
                raise _malformed()
            return None
        found = _CHUNK.fullmatch(data, at, end + 1)
        if found is None:
            raise _malformed()
        self._count_framing(end + 1 - start)
        size = int(found[1], 16)
        if size == 0:
            self._trailers = b""
        self._chunk_left = size
        return end + 1

    def _count_framing(self, framing_bytes: int) -> None:
        self._framing_bytes += framing_bytes
        if self._framing_bytes > self._limits.head_bytes + self._data_bytes:
            raise MalformedRequest(
                "the body comes in chunks that are too small", expected=f"chunks of {_SMALL_CHUNK_BYTES} bytes and more"
            )

    def _feed_trailers(self, data: bytes) -> bytes:
        """Take trailers up to the empty line; returns what comes after it."""
        trailers = (self._trailers or b"") + data
        if trailers.startswith(b"\r\n"):
            self.complete = True
            return trailers[2:]
        end = trailers.find(b"\r\n\r\n")
        if (len(trailers) if end < 0 else end) > self._limits.head_bytes:
            raise head_too_large(self._limits)
        if end < 0:
            if trailers.count(b"\n") > self._limits.head_fields:
                raise HeadTooLarge(
                    "the request has too many trailer fields", expected=f"at most {self._limits.head_fields} fields"
                )
            self._trailers = trailers
            return b""
        parse_fields(trailers[: end + 2], self._limits)
        self.complete = True
        return trailers[end + 4 :]


def _malformed() -> MalformedRequest:
    return MalformedRequest("the chunks of the body are malformed", expected="the form of RFC 9112 section 7.1")
