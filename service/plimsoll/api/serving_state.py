"""Whether this process takes requests, and how many it is answering."""

from __future__ import annotations

import asyncio
from enum import StrEnum


class Phase(StrEnum):
    """The life of a server after its port is open, in order."""

    STARTING = "starting"
    SERVING = "serving"
    LEAVING = "leaving"
    """Unready, and still answering: load balancers have not all noticed yet."""
    REFUSING = "refusing"
    """New requests get 503; those in flight are finished."""


class ServingState:
    """Moved through its phases by the lifecycle, read by probes and by every request."""

    def __init__(self) -> None:
        self.phase = Phase.STARTING
        self.in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def stopping(self) -> bool:
        """Whether clients should take their next request elsewhere."""
        return self.phase in (Phase.LEAVING, Phase.REFUSING)

    def enter(self) -> None:
        """A request has come in."""
        self.in_flight += 1
        self._idle.clear()

    def leave(self) -> None:
        """A request has been answered or given up."""
        self.in_flight -= 1
        if self.in_flight == 0:
            self._idle.set()

    async def idle(self) -> None:
        """Return as soon as no request is in flight."""
        await self._idle.wait()
