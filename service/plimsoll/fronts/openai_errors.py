"""The error body of OpenAI's API: `{"error": {"message", "type", "param", "code"}}`."""

from __future__ import annotations

from http import HTTPStatus

import orjson

from plimsoll.errors import InvalidInput, MalformedBody, Overloaded, PlimsollError
from plimsoll.fronts.oip_errors import sentence
from plimsoll.fronts.replied_errors import error_reply as reply_of
from plimsoll.fronts.replied_errors import is_public
from plimsoll.inference.ports import Reply

_OF_MODEL = ("model_not_found", "version_not_found")


def error_reply(error: PlimsollError) -> Reply:
    """The reply for an error. OpenAI's API has no 422: a body that is well formed and wrong gets 400."""
    public = is_public(error)
    status = MalformedBody.status if isinstance(error, InvalidInput) else error.status
    detail = {
        "message": sentence(error),
        "type": _kind_of(error),
        "param": _parameter_of(error),
        "code": error.code if public else PlimsollError.code,
    }
    return reply_of(error, status if public else PlimsollError.status, orjson.dumps({"error": detail}))


def _kind_of(error: PlimsollError) -> str:
    """The `type`, which says whether the client or the server can mend it."""
    if isinstance(error, Overloaded):
        return "rate_limit_error"
    return "server_error" if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR else "invalid_request_error"


def _parameter_of(error: PlimsollError) -> str | None:
    """The field of the body at fault, where the error knows it."""
    if error.code in _OF_MODEL:
        return "model"
    return None if error.index is None else f"input[{error.index}]"
