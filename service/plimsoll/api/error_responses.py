"""Renders errors as replies, for every route without a front."""

from __future__ import annotations

import logging
import re
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response

from plimsoll.api.oip_absent import absence_of
from plimsoll.errors import (
    ClientError,
    ClientGone,
    InvalidInput,
    MalformedBody,
    MethodNotAllowed,
    NotFound,
    PlimsollError,
    Unavailable,
)
from plimsoll.fronts import oip_errors, openai_errors
from plimsoll.fronts.v1_errors import error_reply
from plimsoll.inference.call import call_of
from plimsoll.quoting import quote
from plimsoll.validation_faults import first_fault

_OIP, _OPENAI = "/v2", "/openai"
_MODEL = re.compile(r"/v1/models/(?P<name>[^/:]+)(?P<verb>:[^/]*)?")
"""The page of a model, or with a verb a path of KServe's v1 protocol."""
_PLAIN_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_log = logging.getLogger(__name__)


class ErrorDetail(BaseModel):
    """One error, for a program and for a person."""

    code: str
    message: str
    expected: str | None = None
    given: str | None = None
    index: int | None = None
    request_id: str


class ErrorBody(BaseModel):
    """The body of every reply that is not a success."""

    error: ErrorDetail


def errors_of(*statuses: int, body: type[BaseModel] = ErrorBody) -> dict[int | str, dict[str, Any]]:
    """These statuses as FastAPI's `responses`."""
    return {status: {"model": body, "description": "See the error's message."} for status in statuses}


def error_response(error: PlimsollError, request_id: str, path: str = "", method: str = "POST") -> Response:
    """The reply for an error, in the form of the protocol to which the path and the method belong."""
    if path.startswith(f"{_OPENAI}/"):
        reply = openai_errors.error_reply(error)
    else:
        reply = oip_errors.error_reply(error) if _is_one_sentence(path, method) else error_reply(error, request_id)
    response = Response(reply.content, reply.status)
    response.raw_headers = reply.headers
    return response


def _is_one_sentence(path: str, method: str) -> bool:
    """Whether the request belongs to the Open Inference Protocol or to KServe's v1, whose verbs are POST alone."""
    if path == _OIP or path.startswith(f"{_OIP}/"):
        return True
    model = _MODEL.fullmatch(path)
    return method == "POST" and model is not None and model["verb"] is not None


def settle(error: PlimsollError) -> None:
    """Log an error that is the server's own fault, and remove its tracebacks; call it once it has been rendered.

    The tracebacks refer to frames that hold the request's rows, whose future holds the error. This reference cycle
    would keep the version and its weights alive until a garbage collection, even after the version was retired.
    """
    if not isinstance(error, ClientError | Unavailable | ClientGone):
        _log.error("request failed: %s", error.message, exc_info=error.__cause__)
    link: BaseException | None = error
    seen: set[int] = set()
    while link is not None and id(link) not in seen:  # an error of a model may be its own cause
        seen.add(id(link))
        link.__traceback__ = None
        link = link.__context__ if link.__cause__ is None else link.__cause__


def reply_to(error: PlimsollError, request_id: str, path: str = "") -> Response:
    """Render the reply for an error that a handler has raised, and settle the error."""
    response = error_response(error, request_id, path)
    settle(error)
    return response


def _response_to(request: Request, error: PlimsollError) -> Response:
    return error_response(error, call_of(request.scope).request_id, request.scope["path"], request.method)


def _wrong_method(method: str, path: str, allowed: str) -> ClientError:
    """The error of a method that a route does not have, with the next step for a POST to the page of a model."""
    model = _MODEL.fullmatch(path)
    if model is None or method != "POST":
        return MethodNotAllowed(f"{method} is not allowed here", expected=allowed or None)
    name, verb = model["name"] if _PLAIN_NAME.fullmatch(model["name"]) else "{name}", model["verb"]
    expected = f"POST /v1/models/{name}:predict, or POST /v1/models/{name}/predict"
    if verb is None:
        return MethodNotAllowed("POST is not allowed on the page of a model", expected=expected)
    return NotFound(f"a model has no {quote(verb)} here", expected=expected)


def install_error_handlers(app: FastAPI) -> None:
    """Install the handlers that answer every error of a route, in the form of its protocol."""

    async def on_plimsoll_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, PlimsollError)  # noqa: S101  # registered for this class only
        response = _response_to(request, error)
        settle(error)
        return response

    async def on_http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101  # registered for this class only
        ours: ClientError
        if error.status_code == MethodNotAllowed.status:
            methods = {each for each in (error.headers or {}).get("Allow", "").split(", ") if each}
            allowed = ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))
            ours = _wrong_method(request.method, request.scope["path"], allowed)
            response = _response_to(request, ours)
            response.headers.update({"Allow": allowed} if allowed and isinstance(ours, MethodNotAllowed) else {})
            return response
        if (
            error.status_code == MalformedBody.status
        ):  # FastAPI's answer to a body that is not UTF-8 or nested too deeply
            ours = MalformedBody("the body is not JSON", expected="UTF-8 text")
        else:
            absence = absence_of(request.scope["path"])
            ours = NotFound(absence or "there is no such route; /docs lists them all")
        return _response_to(request, ours)

    async def on_invalid_parameter(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101  # registered for this class only
        fault = first_fault(error)
        ours = InvalidInput(f"parameter '{fault.location[-1]}': {fault.reason[0].lower()}{fault.reason[1:]}")
        return _response_to(request, ours)

    app.add_exception_handler(PlimsollError, on_plimsoll_error)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(RequestValidationError, on_invalid_parameter)
