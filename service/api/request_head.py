"""The head of a request, read once."""

from __future__ import annotations

from starlette.types import Scope


class RequestHead:
    """The headers of a request by name; of one that is repeated the first counts, as in Starlette's `Headers`."""

    __slots__ = ("_fields", "scope")

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self._fields: dict[bytes, bytes] = dict(reversed(scope["headers"]))

    def get(self, name: bytes) -> str | None:
        """The value of a header, whose name is given in lower case; `None` where it is not there."""
        value = self._fields.get(name)
        return None if value is None else value.decode("latin-1")

    def has(self, name: bytes) -> bool:
        """Whether the header is there."""
        return name in self._fields
