"""The error body of the Open Inference Protocol: `{"error": "one sentence"}`."""

from __future__ import annotations

import orjson

from plimsoll.errors import InvalidInput, MalformedBody, PlimsollError
from plimsoll.fronts.replied_errors import error_reply as reply_of
from plimsoll.fronts.replied_errors import is_public
from plimsoll.inference.ports import Reply

_ROWS = ("row", "text", "element")
"""The names that messages give a row before its index."""


def error_reply(error: PlimsollError) -> Reply:
    """The reply for an error. The protocol has no 422: a body that is well formed and wrong gets 400."""
    status = MalformedBody.status if isinstance(error, InvalidInput) else error.status
    if not is_public(error):
        status = PlimsollError.status
    return reply_of(error, status, orjson.dumps({"error": sentence(error)}))


def sentence(error: PlimsollError) -> str:
    """The error as one sentence, with the row at fault, the contract, and what came instead."""
    if not is_public(error):
        return "something went wrong in the server; its log has the x-request-id of this answer"
    named = any(f"{what} {error.index}" in error.message for what in _ROWS)
    row = "" if error.index is None or named else f" in row {error.index}"
    expected = "" if error.expected is None else f"; expected {error.expected}"
    given = "" if error.given is None else f"; given {error.given}"
    return f"{error.message}{row}{expected}{given}"
