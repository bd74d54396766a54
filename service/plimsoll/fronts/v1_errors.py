"""The error body of /v1, and of every route without a protocol."""

from __future__ import annotations

import orjson

from plimsoll.errors import (
    ClientError,
    ClientGone,
    LoadFailed,
    Loading,
    ModelFailed,
    NoDefaultModel,
    PlimsollError,
    Stuck,
    Unauthorized,
    Unavailable,
)
from plimsoll.inference.ports import Reply

_ADVICE: dict[type[PlimsollError], str] = {
    Loading: "{message}; /v1/models/{model} tells its state",
    Stuck: "{message}; /v1/models/{model} tells its state",
    LoadFailed: "{message}; /v1/models/{model} tells which check failed",
    NoDefaultModel: "/v1/predict needs {message}; POST to /v1/models/{{name}}/predict instead",
}
"""Sentences that name the client's next step. They are here because the line does not know the paths of /v1."""


def error_reply(error: PlimsollError, request_id: str) -> Reply:
    """The reply for an error. An internal error shows only `internal`; a client that has left gets an empty body."""
    if isinstance(error, ClientGone):
        return Reply(error.status, [(b"content-length", b"0")], b"")
    public = isinstance(error, ClientError | Unavailable | ModelFailed)
    detail: dict[str, str | int] = {
        "code": error.code if public else PlimsollError.code,
        "message": _message(error) if public else "something went wrong in the server; its log has the request id",
    }
    if public:
        extras = {"expected": error.expected, "given": error.given, "index": error.index}
        detail.update({name: value for name, value in extras.items() if value is not None})
    content = orjson.dumps({"error": {**detail, "request_id": request_id}})
    headers = [(b"content-length", b"%d" % len(content)), (b"content-type", b"application/json")]
    if error.retry_after_seconds is not None:
        headers.append((b"retry-after", b"%d" % error.retry_after_seconds))
    if isinstance(error, Unauthorized):
        headers.append((b"www-authenticate", b'Bearer realm="plimsoll"'))
    if error.closes_connection:
        headers.append((b"connection", b"close"))
    return Reply(error.status if public else PlimsollError.status, headers, content)


def _message(error: PlimsollError) -> str:
    advice = _ADVICE.get(type(error))
    if advice is None or (error.model is None and not isinstance(error, NoDefaultModel)):
        return error.message
    return advice.format(message=error.message, model=error.model)
