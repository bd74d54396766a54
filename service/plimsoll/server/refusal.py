"""The answer to what is no request, which no application ever sees."""

from __future__ import annotations

import http
import secrets

from plimsoll.api.error_responses import error_response
from plimsoll.errors import ClientError


def refusal(error: ClientError, date_field: bytes, path: str = "") -> bytes:
    """A whole answer, in the form of the errors below this path; it says that the connection is closed."""
    request_id = secrets.token_hex(16)
    response = error_response(error, request_id, path)
    fields = b"".join(b"%b: %b\r\n" % field for field in response.raw_headers)
    return b"HTTP/1.1 %d %b\r\n%b%bx-request-id: %b\r\nconnection: close\r\n\r\n%b" % (
        response.status_code,
        http.HTTPStatus(response.status_code).phrase.encode(),
        date_field,
        fields,
        request_id.encode(),
        bytes(response.body),
    )
