"""One request, from its head to its reply: what every part of the way may know of it."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Mapping
from typing import Any

from plimsoll.errors import PlimsollError
from plimsoll.inference.request_head import RequestHead

_CLIENT_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
CALL = "call"
"""The key of the call in the state of an ASGI scope."""
_NO_NAMES: Mapping[str, str] = {}


class Call:
    """Known from the start: `head`, `route` (a template of the table of routes), `named` (the parts of the path).

    `request_id` is the client's own where it gave a sensible one. `started` is on `time.perf_counter`. The rest is
    filled in on the way: the `principal` is the label of the key that was shown, `model` and `version` the choice,
    `queue_seconds` and `forward_seconds` the batch, `status` the HTTP number of the reply. `refusal` is an error that
    the handler answers with, whatever was asked.
    """

    __slots__ = (
        "forward_seconds", "head", "model", "named", "principal", "queue_seconds", "refusal", "request_id", "route",
        "started", "status", "version",
    )  # fmt: skip

    def __init__(self, head: RequestHead, route: str = "", named: Mapping[str, str] = _NO_NAMES) -> None:
        self.started = time.perf_counter()
        self.head = head
        self.route = route
        self.named = named
        given = head.get(b"x-request-id")
        if given is None or not _CLIENT_ID.fullmatch(given):
            given = f"{random.getrandbits(128):032x}"  # distinguishes requests, and keeps no secret
        self.request_id = given
        self.principal = self.model = self.version = ""
        self.queue_seconds: float | None = None
        self.forward_seconds = 0.0
        self.status: int | None = None
        self.refusal: PlimsollError | None = None

    def seconds(self) -> float:
        """The time since the request came in."""
        return time.perf_counter() - self.started


def call_of(scope: Any) -> Call:  # noqa: ANN401  # an ASGI scope
    """The call of the request of an ASGI scope; begun here where nobody has begun it."""
    state: dict[str, Any] = scope.setdefault("state", {})
    call: Call | None = state.get(CALL)
    if call is None:
        call = state[CALL] = Call(RequestHead(scope["headers"]))
    return call


def begin_call(scope: Any, route: str, named: Mapping[str, str]) -> Call:  # noqa: ANN401  # an ASGI scope
    """A call of a route of the table, kept in the ASGI scope for `call_of`."""
    call = scope.setdefault("state", {})[CALL] = Call(RequestHead(scope["headers"]), route, named)
    return call
