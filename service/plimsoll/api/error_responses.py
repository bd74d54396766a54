"""The one mapping from errors to status, JSON body and headers."""

from __future__ import annotations

import logging

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response

from plimsoll.api.request_scope import request_id_of
from plimsoll.errors import (
    ClientError,
    ClientGone,
    InvalidInput,
    MalformedBody,
    MethodNotAllowed,
    ModelFailed,
    NotFound,
    PlimsollError,
    Unauthorized,
    Unavailable,
)

_log = logging.getLogger(__name__)


class ErrorDetail(BaseModel):
    """What went wrong, for a program and for a person."""

    code: str
    message: str
    expected: str | None = None
    given: str | None = None
    index: int | None = None
    request_id: str


class ErrorBody(BaseModel):
    """The body of every reply that is not a success."""

    error: ErrorDetail


def error_response(error: PlimsollError, request_id: str) -> Response:
    """The reply for an error. What was not meant for clients says only `internal`."""
    public = isinstance(error, ClientError | Unavailable | ModelFailed)
    detail: dict[str, str | int] = {
        "code": error.code if public else PlimsollError.code,
        "message": error.message if public else "something went wrong in the server; its log has the request id",
    }
    if public:
        extras = {"expected": error.expected, "given": error.given, "index": error.index}
        detail.update({name: value for name, value in extras.items() if value is not None})
    headers = {}
    if error.retry_after_seconds is not None:
        headers["Retry-After"] = str(error.retry_after_seconds)
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = 'Bearer realm="plimsoll"'
    if error.closes_connection:
        headers["Connection"] = "close"
    return Response(
        orjson.dumps({"error": {**detail, "request_id": request_id}}),
        status_code=error.status if public else PlimsollError.status,
        headers=headers,
        media_type="application/json",
    )


def reply_to(error: PlimsollError, request_id: str) -> Response:
    """The reply for an error that a handler has raised; what is the server's own fault is logged as well.

    The error loses its traces: their frames hold the request's place in its batch, which holds the error. Until the
    garbage collector came that way, such a ring would keep the version and its weights, also where they have been let
    go.
    """
    if not isinstance(error, ClientError | Unavailable | ClientGone):
        _log.error("request failed: %s", error.message, exc_info=error.__cause__)
    link: BaseException | None = error
    seen: set[int] = set()
    while link is not None and id(link) not in seen:  # what a model raises may name itself as its cause
        seen.add(id(link))
        link.__traceback__ = None
        link = link.__context__ if link.__cause__ is None else link.__cause__
    if isinstance(error, ClientGone):
        return Response(status_code=error.status)  # to nobody
    return error_response(error, request_id)


def install_error_handlers(app: FastAPI) -> None:
    """Answer every error that a route raises in the one contract."""

    async def on_plimsoll_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, PlimsollError)  # noqa: S101  # registered for this class only
        return reply_to(error, request_id_of(request.scope))

    async def on_http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101  # registered for this class only
        ours: ClientError
        if error.status_code == MethodNotAllowed.status:
            methods = {each for each in (error.headers or {}).get("Allow", "").split(", ") if each}
            allowed = ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))
            ours = MethodNotAllowed(f"{request.method} is not allowed here", expected=allowed or None)
            response = error_response(ours, request_id_of(request.scope))
            response.headers.update({"Allow": allowed} if allowed else {})
            return response
        if error.status_code == MalformedBody.status:  # FastAPI's word for a body that is no text or nested too deeply
            ours = MalformedBody("the body is not JSON", expected="UTF-8 text")
        else:
            ours = NotFound("there is no such route; /docs lists them all")
        return error_response(ours, request_id_of(request.scope))

    async def on_invalid_parameter(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101  # registered for this class only
        fault = error.errors()[0]
        ours = InvalidInput(f"parameter '{fault['loc'][-1]}': {fault['msg'][0].lower()}{fault['msg'][1:]}")
        return error_response(ours, request_id_of(request.scope))

    app.add_exception_handler(PlimsollError, on_plimsoll_error)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(RequestValidationError, on_invalid_parameter)
