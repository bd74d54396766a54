"""Reads a body that names its own model, before the line selects a version by that name."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plimsoll.api.auth import Gate
from plimsoll.api.request_body import BodyForms, BodyReader, client_gone
from plimsoll.errors import PlimsollError
from plimsoll.inference.admission import Admission, AdmissionLimits
from plimsoll.inference.call import CALL, Call
from plimsoll.inference.deadlines import HEADER, DeadlineLimits

_TIMEOUT = HEADER.encode()
_AGAIN_SECONDS = 1
_JSON = BodyForms(("application/json",))

NamedIn = Callable[[bytes], Mapping[str, str]]
"""The `name` and perhaps the `version` of the model in a body; raises a `PlimsollError` if it names none."""


class Arrivals:
    """Reads bodies whose model is not known yet, within limits like those of one version.

    The key is checked before the body is read. The time that the body has taken counts towards the timeout.
    """

    def __init__(self, gate: Gate, bodies: BodyReader, deadlines: DeadlineLimits, limits: AdmissionLimits) -> None:
        self._gate = gate
        self._bodies = bodies
        self._deadlines = deadlines
        self._admission = Admission(limits, lambda _requests: _AGAIN_SECONDS)

    async def read(self, call: Call, receive: Receive, named_in: NamedIn) -> bytes:
        """The body of a request, whose model and version `call.named` has then.

        Raises:
            PlimsollError: the request is refused; see `Gate.admit`, `BodyReader.read` and `NamedIn`.
        """
        self._gate.admit(call, "predict")
        deadline = time.monotonic() + self._deadlines.seconds(call.head.fields.get(_TIMEOUT))
        with self._admission.expect() as permit:
            body = await self._bodies.read(call, receive, _JSON, permit, deadline)
            if len(body) <= self._bodies.reading.inline_bytes:
                call.named = named_in(body)
            else:
                step = partial(named_in, body)
                call.named = await self._bodies.reading.read(step, deadline, client_gone(call, receive))
        call.timeout_seconds = deadline - time.monotonic()
        return body


class ModelInBody:
    """Wraps a handler of the table of routes whose bodies name their model; the handler answers refusals too."""

    def __init__(self, handler: ASGIApp, arrivals: Arrivals, named_in: NamedIn) -> None:
        self._handler = handler
        self._arrivals = arrivals
        self._named_in = named_in

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        call: Call = scope["state"][CALL]
        body: bytes | None = None
        try:
            body = await self._arrivals.read(call, receive, self._named_in)
        except PlimsollError as error:
            call.refusal = error

        async def receive_again() -> Message:
            nonlocal body
            if body is None:
                return await receive()
            message: Message = {"type": "http.request", "body": body, "more_body": False}
            body = None
            return message

        await self._handler(scope, receive_again, send)
