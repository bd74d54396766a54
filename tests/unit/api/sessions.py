"""Sessions with an edge that serves the echo model."""

from __future__ import annotations

from plimsoll.inference.admission import AdmissionLimits
from plimsoll.inference.batch_lane import LaneLimits
from plimsoll.inference.batch_limits import BatchLimits

from tests.doubles.websocket import Conversation
from tests.unit.api.conftest import Edge

PATH = "/v1/models/echo/session"
ROW = [0.25, 0.75]
MANY = LaneLimits(AdmissionLimits(requests=100, bytes=100_000), BatchLimits(max_rows=1, max_wait_seconds=0.0))


async def opened(edge: Edge, path: str = PATH, **headers: str) -> Conversation:
    """A session, or the answer that refuses it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await Conversation(edge.asgi, path, named).open()
