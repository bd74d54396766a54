"""The head of a request, read once."""

from __future__ import annotations

from starlette.types import Scope

_LONGEST_LENGTH = 18
"""Digits of a declared length; no parser passes on a longer one, and Python would not read one of thousands."""


class RequestHead:
    """The headers of a request by name; of one that is repeated the first counts, as in Starlette's `Headers`."""

    __slots__ = ("fields",)

    def __init__(self, scope: Scope) -> None:
        self.fields: dict[bytes, bytes] = dict(reversed(scope["headers"]))
        """By their names in lower case, as they were sent."""

    def get(self, name: bytes) -> str | None:
        """The value of a header, whose name is given in lower case; `None` where it is not there."""
        value = self.fields.get(name)
        return None if value is None else value.decode("latin-1")

    def text(self, name: bytes) -> str | None:
        """The value of a header that holds any text: UTF-8 as most clients send it, or else Latin-1."""
        value = self.fields.get(name)
        if value is None:
            return None
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value.decode("latin-1")

    def has(self, name: bytes) -> bool:
        """Whether the header is there."""
        return name in self.fields

    def declared_bytes(self) -> int | None:
        """The length of the body as `Content-Length` declares it; `None` where it is not declared."""
        declared = self.fields.get(b"content-length", b"")
        return int(declared) if declared.isdigit() and len(declared) <= _LONGEST_LENGTH else None


def head_of(scope: Scope) -> RequestHead:
    """The head of the request of this scope; read once where `RequestScope` is around the application."""
    head = scope["state"].get("head")
    return head if isinstance(head, RequestHead) else RequestHead(scope)
