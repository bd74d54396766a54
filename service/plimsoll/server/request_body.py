"""Finds where the body of a request ends, and takes the framing away."""

from __future__ import annotations

import re

from plimsoll.errors import HeadTooLarge, MalformedRequest
from plimsoll.server.connection_limits import ConnectionLimits
from plimsoll.server.request_head import head_too_large, parse_fields

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_EXTENSIONS = rb"(?:;%b(?:=(?:%b|\"[\t\x20\x21\x23-\x5b\x5d-\x7e]*\"))?)*" % (_TOKEN, _TOKEN)
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})%b\r\n" % _EXTENSIONS)
_LONGEST_CHUNK_LINE_BYTES = 1024
_MOST_CHUNKS_AT_ONCE = 100
"""Some three tenths of a millisecond."""
_SMALL_CHUNK_BYTES = 16
"""Framing may take as many bytes as the data it frames; a chunk of fewer bytes than this takes more."""


class SizedBody:
    """A body whose length is in the head."""

    __slots__ = ("left",)
    stopped_early = False

    def __init__(self, body_bytes: int) -> None:
        self.left: int | None = body_bytes

    @property
    def complete(self) -> bool:
        """Whether all of it has come."""
        return self.left == 0

    def feed(self, data: bytes | bytearray) -> tuple[bytes, int]:
        """Return the part of `data` that belongs to the body, and the number of bytes taken."""
        left = self.left or 0
        part = bytes(data if len(data) <= left else data[:left])
        self.left = left - len(part)
        return part, len(part)


class EndlessBody:
    """The bytes of a connection that is no longer HTTP."""

    __slots__ = ()
    left: int | None = None
    complete = False
    stopped_early = False

    def feed(self, data: bytes | bytearray) -> tuple[bytes, int]:
        """Return all of `data`, and its length."""
        return bytes(data), len(data)


class ChunkedBody:
    """A body in chunks (RFC 9112 section 7.1). Chunk extensions and trailers are checked and thrown away.

    `left` is `None`: nobody knows how much is to come. `stopped_early` says that more of what was fed can be taken;
    small chunks cost much time for their bytes, and others wait meanwhile.
    """

    __slots__ = (
        "_chunk_left", "_data_bytes", "_framing_bytes", "_in_trailers", "_limits", "complete", "left", "stopped_early",
    )  # fmt: skip

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits = limits
        self._chunk_left = 0
        self._in_trailers = False
        self._framing_bytes = self._data_bytes = 0
        self.complete = self.stopped_early = False
        self.left: int | None = None

    def feed(self, data: bytes | bytearray) -> tuple[bytes, int]:
        """Return the part of `data` that belongs to the body, and the number of bytes taken; feed the rest again.

        Raises:
            MalformedRequest: it is not framed as RFC 9112 says, or in so small chunks that it is mostly framing.
            HeadTooLarge: the trailers are longer than a head may be.
        """
        parts: list[bytes | bytearray] = []
        at = lines = 0
        while not self._in_trailers and lines < _MOST_CHUNKS_AT_ONCE:
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
                break
            else:
                at = begun
                lines += 1
        self.stopped_early = lines == _MOST_CHUNKS_AT_ONCE and not self._in_trailers
        if self._in_trailers:
            at = self._feed_trailers(data, at)
        return b"".join(parts), at

    def _next_chunk(self, data: bytes | bytearray, at: int) -> int | None:
        """Return the start of the next chunk's data; `None` while its size line is incomplete."""
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
        self._in_trailers = size == 0
        self._chunk_left = size
        return end + 1

    def _count_framing(self, framing_bytes: int) -> None:
        self._framing_bytes += framing_bytes
        if self._framing_bytes > self._limits.head_bytes + self._data_bytes:
            raise MalformedRequest(
                "the body comes in chunks that are too small", expected=f"chunks of {_SMALL_CHUNK_BYTES} bytes and more"
            )

    def _feed_trailers(self, data: bytes | bytearray, at: int) -> int:
        """Take trailers up to the empty line; returns where what comes after it begins, or `at` where it is to come."""
        if data.startswith(b"\r\n", at):
            self.complete = True
            return at + 2
        end = data.find(b"\r\n\r\n", at)
        if (len(data) if end < 0 else end) - at > self._limits.head_bytes:
            raise head_too_large(self._limits)
        if end < 0:
            if data.count(b"\n", at) > self._limits.head_fields:
                raise HeadTooLarge(
                    "the request has too many trailer fields", expected=f"at most {self._limits.head_fields} fields"
                )
            return at
        parse_fields(bytes(data[at : end + 2]), self._limits)
        self.complete = True
        return end + 4


def _malformed() -> MalformedRequest:
    return MalformedRequest("the chunks of the body are malformed", expected="the form of RFC 9112 section 7.1")
