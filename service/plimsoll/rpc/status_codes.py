"""Renders errors as gRPC's status codes, messages and trailing metadata."""

from __future__ import annotations

from http import HTTPStatus
from typing import NamedTuple

import grpc

from plimsoll.errors import ClientGone, PlimsollError
from plimsoll.fronts.oip_errors import sentence
from plimsoll.fronts.replied_errors import is_public

_CODES = {
    HTTPStatus.BAD_REQUEST: grpc.StatusCode.INVALID_ARGUMENT,
    HTTPStatus.UNAUTHORIZED: grpc.StatusCode.UNAUTHENTICATED,
    HTTPStatus.FORBIDDEN: grpc.StatusCode.PERMISSION_DENIED,
    HTTPStatus.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    HTTPStatus.REQUEST_TIMEOUT: grpc.StatusCode.DEADLINE_EXCEEDED,
    HTTPStatus.CONFLICT: grpc.StatusCode.FAILED_PRECONDITION,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: grpc.StatusCode.RESOURCE_EXHAUSTED,
    HTTPStatus.UNPROCESSABLE_ENTITY: grpc.StatusCode.INVALID_ARGUMENT,
    HTTPStatus.TOO_MANY_REQUESTS: grpc.StatusCode.RESOURCE_EXHAUSTED,
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: grpc.StatusCode.RESOURCE_EXHAUSTED,
    ClientGone.status: grpc.StatusCode.CANCELLED,
    HTTPStatus.SERVICE_UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT: grpc.StatusCode.DEADLINE_EXCEEDED,
    HTTPStatus.INSUFFICIENT_STORAGE: grpc.StatusCode.RESOURCE_EXHAUSTED,
}
"""Codes by the status that the same error has over HTTP; every other one is INTERNAL."""
_LONGEST_SENTENCE = 2_000
"""Clients refuse a status message of more than a few kilobytes, and then see nothing of it."""
REQUEST_ID = "x-request-id"
RETRY_AFTER = "grpc-retry-pushback-ms"
"""gRPC's own metadata for the time after which a client may try again."""

Metadata = tuple[tuple[str, str], ...]


class Failure(NamedTuple):
    """The end of a call that has no reply."""

    code: grpc.StatusCode
    details: str
    metadata: Metadata


def failure_of(error: PlimsollError, request_id: str) -> Failure:
    """The status of an error: its sentence, and when to try again. Of an internal error it only says that there is one.

    The error of a client that has left is not sent.
    """
    code = _CODES.get(error.status, grpc.StatusCode.INTERNAL) if is_public(error) else _of_others(error)
    metadata: Metadata = ((REQUEST_ID, request_id),)
    if error.retry_after_seconds is not None:
        metadata += ((RETRY_AFTER, str(1000 * error.retry_after_seconds)),)
    return Failure(code, sentence(error)[:_LONGEST_SENTENCE], metadata)


def _of_others(error: PlimsollError) -> grpc.StatusCode:
    return grpc.StatusCode.CANCELLED if isinstance(error, ClientGone) else grpc.StatusCode.INTERNAL
