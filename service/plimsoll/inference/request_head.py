"""The head of a request, parsed once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_LONGEST_LENGTH = 18
"""The most digits of a declared length; HTTP parsers refuse a longer one, and Python refuses thousands of digits."""


class RequestHead:
    """The header fields of a request by name; the first of a repeated field counts, as in Starlette's `Headers`.

    Requests of one connection that have the same head may share it. `key_holder` is the holder of the API key in it,
    once that has been looked up, and `key_ring` the ring of keys that was asked.
    """

    __slots__ = ("fields", "key_holder", "key_ring")

    def __init__(self, fields: Sequence[tuple[bytes, bytes]] = ()) -> None:
        self.fields: dict[bytes, bytes] = dict(reversed(fields))
        """Values by the name in lower case, both as bytes."""
        self.key_ring: object = None
        self.key_holder: Any = None

    def get(self, name: bytes) -> str | None:
        """The value of a header by its name in lower case; `None` if it is missing."""
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

    def media_type(self) -> str:
        """The media type of the body without its parameters, in lower case; empty if none is declared."""
        return (self.get(b"content-type") or "").partition(";")[0].strip().lower()

    def declared_bytes(self) -> int | None:
        """The length of the body in `Content-Length`; `None` if it is not declared."""
        declared = self.fields.get(b"content-length", b"")
        return int(declared) if declared.isdigit() and len(declared) <= _LONGEST_LENGTH else None
