"""The record of one request, from its head to its reply."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from plimsoll.errors import PlimsollError
from plimsoll.inference.request_head import RequestHead

_CLIENT_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
CALL = "call"
"""The key of the call in the state of an ASGI scope."""
WHOLE_BODY = "plimsoll.whole_body"
"""The extension of an ASGI scope that gives the body if all of it has come and nothing was received, or else `None`."""
CLIENT_GONE = "plimsoll.client_gone"
"""The extension of an ASGI scope that waits for the client to leave, whether or not anything is received."""
REQUEST_HEAD = "plimsoll.request_head"
"""The extension of an ASGI scope that holds its headers as a `RequestHead`, which requests with the same ones share."""
_NO_NAMES: Mapping[str, str] = {}


class Call:
    """The data of one request: at first its `head`, `route` (a template) and `named` (the named parts of the path).

    `request_id` is the client's own if it sent a valid one. `started` is on `time.perf_counter`. Later steps set the
    other fields: `principal` is the label of the API key, `model` and `version` are the selected ones,
    `queue_seconds` and `forward_seconds` are times of the batch, `status` is the HTTP status of the reply. If `refusal`
    is set, the handler answers with this error. `asked` is the front's own record of the body, and `timeout_seconds` is
    the timeout that the body names, if there is one. `whole_body` and `client_gone` are the server's extensions
    `WHOLE_BODY` and `CLIENT_GONE`.
    """

    __slots__ = (
        "asked", "client_gone", "forward_seconds", "head", "model", "named", "principal", "queue_seconds", "refusal",
        "request_id", "route", "started", "status", "timeout_seconds", "version", "whole_body",
    )  # fmt: skip

    def __init__(self, head: RequestHead, route: str = "", named: Mapping[str, str] = _NO_NAMES) -> None:
        self.started = time.perf_counter()
        self.head = head
        self.route = route
        self.named = named
        given = head.get(b"x-request-id")
        if given is None or not _CLIENT_ID.fullmatch(given):
            given = random.randbytes(16).hex()  # noqa: S311  # an id, not a secret
        self.request_id = given
        self.principal = self.model = self.version = ""
        self.queue_seconds: float | None = None
        self.forward_seconds = 0.0
        self.status: int | None = None
        self.refusal: PlimsollError | None = None
        self.asked: Any = None
        self.timeout_seconds: float | None = None
        self.whole_body: Callable[[], bytes | None] | None = None
        self.client_gone: Callable[[], Awaitable[None]] | None = None

    def seconds(self) -> float:
        """The time since the request came in."""
        return time.perf_counter() - self.started


def call_of(scope: Any) -> Call:  # noqa: ANN401  # an ASGI scope
    """The call of an ASGI scope; creates it if there is none yet."""
    state: dict[str, Any] = scope.setdefault("state", {})
    call: Call | None = state.get(CALL)
    return begin_call(scope) if call is None else call


def begin_call(scope: Any, route: str = "", named: Mapping[str, str] = _NO_NAMES) -> Call:  # noqa: ANN401  # as above
    """Create the call of a request, of a route of the table if one is given, and keep it in its scope for `call_of`."""
    extensions = scope.get("extensions") or {}
    head = extensions.get(REQUEST_HEAD) or RequestHead(scope["headers"])
    call = scope.setdefault("state", {})[CALL] = Call(head, route, named)
    call.whole_body = extensions.get(WHOLE_BODY)
    call.client_gone = extensions.get(CLIENT_GONE)
    return call
