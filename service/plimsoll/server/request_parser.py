"""Cuts the bytes of a connection into heads and parts of bodies. Knows no sockets."""

from __future__ import annotations

import re

from plimsoll.errors import MalformedRequest
from plimsoll.server.connection_limits import ConnectionLimits
from plimsoll.server.request_body import ChunkedBody, EndlessBody, SizedBody
from plimsoll.server.request_head import CHUNKED, RequestHead, head_too_large, parse_head, request_line_too_long

_HEAD_END = b"\r\n\r\n"
_BARE_LINE_FEED = re.compile(rb"(?<!\r)\n")
_MOST_BLANK_LINES = 8
_MUCH_BYTES = 16_384
_LONGEST_REMEMBERED = 1024
"""The bytes of a head that is remembered: most clients send the same head again with each request."""
_LONGEST_PATH = 512
"""Of a malformed head, as far as it is looked at."""


class RequestParser:
    """Holds what has come and was not taken.

    Take the head of a request by `next_head`, then the parts of its body by `next_part` until `in_body` is false; then
    the next request begins. Bytes that arrive meanwhile wait.
    """

    __slots__ = ("_blank_lines", "_body", "_last_head", "_last_text", "_limits", "_searched", "_waiting")

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits = limits
        self._waiting: bytes | bytearray = b""
        self._body: SizedBody | ChunkedBody | EndlessBody | None = None
        self._searched = self._blank_lines = 0
        self._last_text = b""
        self._last_head: RequestHead

    @property
    def in_body(self) -> bool:
        """Whether the body of the request is still to come, or a part of it."""
        return self._body is not None

    @property
    def body_bytes_left(self) -> int | None:
        """The number of body bytes still to come; `None` if it is unknown."""
        return 0 if self._body is None else self._body.left

    @property
    def waiting_bytes(self) -> int:
        """The number of bytes received and not yet parsed."""
        return len(self._waiting)

    @property
    def waiting_path(self) -> str:
        """The target that the head in waiting names, which may be malformed; empty if it names none."""
        words = bytes(self._waiting[:_LONGEST_PATH]).split(b" ", 2)
        return words[1].decode("latin-1") if len(words) > 1 and not self.in_body else ""

    @property
    def stopped_early(self) -> bool:
        """Whether more of the body has come than `next_part` takes at once."""
        return self._body is not None and self._body.stopped_early

    def holds_heads(self, count: int) -> bool:
        """Whether so many requests wait, about: an empty line within a body counts as one, too."""
        at = -1
        for _ in range(count):
            at = self._waiting.find(_HEAD_END, at + 1)
            if at < 0:
                return False
        return True

    def receive(self, data: bytes) -> None:
        """Take what the client has sent."""
        if not self._waiting:
            self._waiting = data
            return
        if isinstance(self._waiting, bytes):
            self._waiting = bytearray(self._waiting)
        self._waiting += data

    def next_head(self) -> RequestHead | None:
        """The head of the next request, the same object for the same bytes; `None` where it has not all come.

        Raises:
            ClientError: it is malformed, or longer than the limits allow; see `parse_head`.
        """
        self._skip_blank_lines()
        waiting = self._waiting
        end = waiting.find(_HEAD_END, self._searched)
        if end < 0:
            self._check_beginning()
            return None
        text = bytes(waiting[:end])
        if text == self._last_text:
            head = self._last_head
        else:
            head = parse_head(text, self._limits)
            if end <= _LONGEST_REMEMBERED:
                self._last_text, self._last_head = text, head
        self._drop(end + len(_HEAD_END))
        self._searched = self._blank_lines = 0
        if head.body_bytes == CHUNKED:
            self._body = ChunkedBody(self._limits)
        elif head.body_bytes:
            self._body = SizedBody(head.body_bytes)
        return head

    def next_part(self) -> bytes:
        """Return the body bytes received since the last call, without the framing.

        Raises:
            ClientError: it is malformed, or its trailers are longer than the limits allow; see `ChunkedBody.feed`.
        """
        if self._body is None:
            return b""
        part, taken = self._body.feed(self._waiting)
        self._drop(taken)
        if self._body.complete:
            self._body = None
        return part

    def leave_http(self) -> None:
        """Take every byte after the head for the body, because the connection changes its protocol."""
        self._body = EndlessBody()

    def clear(self) -> None:
        """Forget what waits."""
        self._waiting, self._body = b"", None

    def _drop(self, count: int) -> None:
        """Forget what was taken. Of much that is left a bytearray is made: to cut its beginning copies nothing."""
        waiting = self._waiting
        if count == len(waiting):
            self._waiting = b""
        elif isinstance(waiting, bytearray):
            del waiting[:count]
        elif len(waiting) - count < _MUCH_BYTES:
            self._waiting = waiting[count:]
        else:
            self._waiting = bytearray(memoryview(waiting)[count:])

    def _skip_blank_lines(self) -> None:
        """Skip empty lines before a request, which some clients send behind a body (RFC 9112 section 2.2)."""
        while self._waiting.startswith(b"\r\n"):
            self._blank_lines += 1
            if self._blank_lines > _MOST_BLANK_LINES:
                raise head_too_large(self._limits)
            self._drop(2)
            self._searched = 0

    def _check_beginning(self) -> None:
        """Refuse at once what cannot become a head, and do not search twice what has been searched."""
        if self._waiting in (b"", b"\r"):
            return
        if not self._waiting[:1].isalpha() or _BARE_LINE_FEED.search(self._waiting, self._searched):
            raise MalformedRequest(
                "this is not HTTP", expected="lines that end in CRLF, the first 'GET /path HTTP/1.1'"
            )
        length, longest_line = len(self._waiting), self._limits.request_line_bytes
        if length > longest_line and self._waiting.find(b"\n", 0, longest_line + 2) < 0:
            raise request_line_too_long(self._limits)
        if length > self._limits.head_bytes:
            raise head_too_large(self._limits)
        self._searched = max(0, length - len(_HEAD_END) + 1)
