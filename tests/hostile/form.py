"""A form that a request can take, and what has to come of it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

INNER_ID = "inner"
INNER = b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: inner\r\n\r\n"
"""A request that lies inside another one; nobody may carry it out."""
NEXT_ID = "next"
NEXT = b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: next\r\nConnection: close\r\n\r\n"
"""A request behind a form, answered only where the connection is kept."""
PREDICT = b"POST /v1/predict HTTP/1.1"
HOST = b"Host: localhost"
JSON = b"Content-Type: application/json"
CHUNKED = b"Transfer-Encoding: chunked"
ROW = b'{"features": [' + b",".join([b"0"] * 784) + b"]}"


@dataclass(frozen=True)
class Form:
    """What a client sends, the statuses of the answers to it, and whether its connection is kept afterwards.

    `kept` is `None` where that depends on whether the body has come when the answer begins. Answers with a number in
    `without_body` answer a HEAD.
    """

    name: str
    sent: bytes
    statuses: tuple[int, ...]
    kept: bool | None = True
    without_body: tuple[int, ...] = ()

    @property
    def is_last(self) -> bool:
        """Whether the client itself has said that it asks no more."""
        return self.kept is False and self.statuses == (200,)

    def __str__(self) -> str:
        return self.name

    def in_pieces(self) -> Iterator[bytes]:
        """The same in short packets, cut at places that are the same in every run."""
        place = random.Random(self.name)  # noqa: S311  # chooses lengths, and keeps no secret
        at = 0
        while at < len(self.sent):
            size = place.choice((1, 2, 3, 5, 40, 1000, 4000))
            yield self.sent[at : at + size]
            at += size


def head(line: bytes, *fields: bytes) -> bytes:
    """A head with its empty line."""
    return b"\r\n".join((line, *fields, b"", b""))


def sized(body: bytes, *fields: bytes, line: bytes = PREDICT) -> bytes:
    """A request whose head tells the length of its body."""
    return head(line, HOST, JSON, *fields, b"Content-Length: %d" % len(body)) + body


def chunks(*parts: bytes, trailers: bytes = b"") -> bytes:
    """A body in chunks, with its end."""
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n" + trailers + b"\r\n"


def chunked(framed: bytes, *fields: bytes, line: bytes = PREDICT) -> bytes:
    """A request with a body that is framed already."""
    return head(line, HOST, JSON, *fields, CHUNKED) + framed
