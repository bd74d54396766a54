"""Errors that a client gets, each with its status and its machine-readable code.

SearchError
  ├─ InvalidJson 400     Unauthorized 401     NotFound 404     TooSlow 408
  ├─ TooLarge 413        InvalidInput 422     Full 507
  └─ Unavailable 503, with Retry-After: `embedder_unavailable`, `database_unavailable`, `overloaded`
"""

from __future__ import annotations

from typing import Any


class SearchError(Exception):
    """An error with a sentence for the client; `expected` and `given` say more where they can."""

    status = 500
    code = "internal"
    retry_after: int | None = None

    def __init__(self, message: str, *, expected: str | None = None, given: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.expected = expected
        self.given = given

    def body(self) -> dict[str, Any]:
        """The body of the answer."""
        fields = {"code": self.code, "message": self.message, "expected": self.expected, "given": self.given}
        return {"error": {name: value for name, value in fields.items() if value is not None}}


class InvalidJson(SearchError):
    """The body is not JSON."""

    status = 400
    code = "invalid_json"


class InvalidInput(SearchError):
    """The request is well formed, and a value in it is wrong."""

    status = 422
    code = "invalid_input"


class Unauthorized(SearchError):
    """The request has no key, or a key that is unknown."""

    status = 401
    code = "unauthorized"


class NotFound(SearchError):
    """There is no document with this id."""

    status = 404
    code = "not_found"


class TooLarge(SearchError):
    """The body is longer than the limit."""

    status = 413
    code = "too_large"


class TooSlow(SearchError):
    """The body did not come in time."""

    status = 408
    code = "too_slow"


class Full(SearchError):
    """The collection has as many documents as it may have."""

    status = 507
    code = "full"


class Unavailable(SearchError):
    """Something that the request needs is not available now; the same request may succeed later."""

    status = 503

    def __init__(self, code: str, message: str, retry_after: float = 1) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after = max(1, -int(-retry_after // 1))
