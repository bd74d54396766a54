"""The parts of an error's reply that all wire formats over HTTP share."""

from __future__ import annotations

from plimsoll.errors import ClientError, ClientGone, ModelFailed, PlimsollError, Unauthorized, Unavailable
from plimsoll.inference.ports import Reply


def is_public(error: PlimsollError) -> bool:
    """Whether the client may see the error; of any other it only gets to know that there was one."""
    return isinstance(error, ClientError | Unavailable | ModelFailed)


def error_reply(error: PlimsollError, status: int, content: bytes) -> Reply:
    """The reply with this JSON and the header fields of the error; a client that has left gets an empty body."""
    if isinstance(error, ClientGone):
        return Reply(error.status, [(b"content-length", b"0")], b"")
    headers = [(b"content-length", b"%d" % len(content)), (b"content-type", b"application/json")]
    if error.retry_after_seconds is not None:
        headers.append((b"retry-after", b"%d" % error.retry_after_seconds))
    if isinstance(error, Unauthorized):
        headers.append((b"www-authenticate", b'Bearer realm="plimsoll"'))
    if error.closes_connection:
        headers.append((b"connection", b"close"))
    return Reply(status, headers, content)
