"""The error body of /v1, and of every route without a protocol."""

from __future__ import annotations

import orjson

from plimsoll.errors import LoadFailed, Loading, NoDefaultModel, PlimsollError, Stuck
from plimsoll.fronts.replied_errors import error_reply as reply_of
from plimsoll.fronts.replied_errors import is_public
from plimsoll.inference.ports import Reply

_ADVICE: dict[type[PlimsollError], str] = {
    Loading: "{message}; /v1/models/{model} tells its state",
    Stuck: "{message}; /v1/models/{model} tells its state",
    LoadFailed: "{message}; /v1/models/{model} tells which check failed",
    NoDefaultModel: "/v1/predict needs {message}; POST to /v1/models/{{name}}/predict instead",
}
"""Sentences that name the client's next step. They are here because the line does not know the paths of /v1."""


def error_reply(error: PlimsollError, request_id: str) -> Reply:
    """The reply for an error. An internal error shows only `internal`."""
    public = is_public(error)
    detail: dict[str, str | int] = {
        "code": error.code if public else PlimsollError.code,
        "message": _message(error) if public else "something went wrong in the server; its log has the request id",
    }
    if public:
        extras = {"expected": error.expected, "given": error.given, "index": error.index}
        detail.update({name: value for name, value in extras.items() if value is not None})
    content = orjson.dumps({"error": {**detail, "request_id": request_id}})
    return reply_of(error, error.status if public else PlimsollError.status, content)


def _message(error: PlimsollError) -> str:
    advice = _ADVICE.get(type(error))
    if advice is None or (error.model is None and not isinstance(error, NoDefaultModel)):
        return error.message
    return advice.format(message=error.message, model=error.model)
