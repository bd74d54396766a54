"""Whether this process takes requests, and how many it is answering."""

from __future__ import annotations

import asyncio
from enum import StrEnum


class Phase(StrEnum):
    """The phases of a server after its port is open, in order."""

    STARTING = "starting"
    SERVING = "serving"
    LEAVING = "leaving"
    """Unready and still answering, because load balancers may not have noticed yet."""
    REFUSING = "refusing"
    """New requests get 503; requests in flight are finished."""


class ServingState:
    """Holds the phase and the requests in flight. The lifecycle sets the phase; probes and requests read it."""

    def __init__(self) -> None:
        self.phase = Phase.STARTING
        self.in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def stopping(self) -> bool:
        """Whether clients should send their next request to another server."""
        return self.phase in (Phase.LEAVING, Phase.REFUSING)

    @property
    def refusing(self) -> bool:
        """Whether new requests get an error, because the server stops."""
        return self.phase is Phase.REFUSING

    def enter(self) -> None:
        """Count a request that has started."""
        self.in_flight += 1
        self._idle.clear()

    def leave(self) -> None:
        """Count off a request that has been answered or abandoned."""
        self.in_flight -= 1
        if self.in_flight == 0:
            self._idle.set()

    async def idle(self) -> None:
        """Return as soon as no request is in flight."""
        await self._idle.wait()
