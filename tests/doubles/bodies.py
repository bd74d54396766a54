"""Reading one body as a predict request does, with permits that never run out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from plimsoll.api.request_body import BodyForms, BodyReader
from plimsoll.inference.admission import Admission, AdmissionLimits
from plimsoll.inference.call import Call
from plimsoll.inference.reading_pool import ReadingPool
from plimsoll.inference.request_head import RequestHead
from starlette.types import Message, Receive

from tests.doubles.asgi import http_scope

LONGEST = 100
AGES = 60.0
JSON_FORMS = BodyForms(("application/json",))
JSON_HEAD = RequestHead(http_scope("/v1/predict", "POST", {"content-type": "application/json"})["headers"])


async def read(
    receive: Receive,
    head: RequestHead = JSON_HEAD,
    *,
    seconds: float = AGES,
    progress: float = AGES,
    longest: int = LONGEST,
    whole: Callable[[], bytes | None] | None = None,
) -> bytes:
    """The body that `receive` brings, or the server has by its extension `whole`."""
    admission = Admission(AdmissionLimits(requests=8, bytes=1 << 20), lambda _: 1)
    deadline = asyncio.get_running_loop().time() + seconds
    try:
        with admission.expect() as permit:
            reader = BodyReader(longest, progress, ReadingPool(0))
            call = Call(head)
            call.whole_body = whole
            return await reader.read(call, receive, JSON_FORMS, permit, deadline)
    finally:
        assert (admission.bodies_being_read, admission.requests_in_flight, admission.bytes_in_flight) == (0, 0, 0)


def piece(body: bytes, *, more: bool = True) -> Message:
    """A message with part of a body."""
    return {"type": "http.request", "body": body, "more_body": more}
