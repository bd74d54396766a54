"""Answers the health routes of the Open Inference Protocol."""

from __future__ import annotations

from fastapi import Response
from pydantic import BaseModel

from plimsoll.api.probes import Probes
from plimsoll.errors import Draining, Loading, Stuck


class Liveness(BaseModel):
    """The server is live."""

    live: bool = True


class Readiness(BaseModel):
    """The server is ready. The specification names the field `live`, and KServe's client reads `ready`."""

    ready: bool = True
    live: bool = True


class OipHealth:
    """Answers like /livez and /readyz, in the form of the protocol: anything but 200 is an error."""

    def __init__(self, probes: Probes) -> None:
        self._probes = probes

    async def live(self) -> Liveness:
        """200 while the event loop runs, and 503 once a forward pass has hung for too long."""
        health = await self._probes.live(Response())
        if health.reasons:
            raise Stuck(f"this server is not live: {'; '.join(health.reasons)}")
        return Liveness()

    async def ready(self) -> Readiness:
        """200 while the server takes requests; 503 while it loads, after a failed load, and while it stops."""
        health = await self._probes.ready(Response())
        if health.reasons:
            error = Draining if health.status == "draining" else Loading
            raise error(f"this server is not ready: {'; '.join(health.reasons)}")
        return Readiness()
