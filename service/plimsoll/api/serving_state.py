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
    """Holds the phase and the requests in flight. The lifecycle sets the phase; probes and requests read it.

    Streams and sessions wait for two moments of a stop: from `refusing` on, sessions read no more messages; at
    `cutting_off` whatever is still open ends with an error.
    """

    def __init__(self) -> None:
        self.phase = Phase.STARTING
        self.in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._refuses, self._cuts_off = asyncio.Event(), asyncio.Event()

    @property
    def stopping(self) -> bool:
        """Whether clients should send their next request to another server."""
        return self.phase in (Phase.LEAVING, Phase.REFUSING)

    @property
    def cuts_off(self) -> bool:
        """Whether the time to drain is nearly over."""
        return self._cuts_off.is_set()

    def refuse(self) -> None:
        """Refuse new requests from now on."""
        self.phase = Phase.REFUSING
        self._refuses.set()

    def cut_off(self) -> None:
        """End streams and sessions now."""
        self._cuts_off.set()

    async def refusing(self) -> None:
        """Return once new requests are refused."""
        await self._refuses.wait()

    async def cutting_off(self) -> None:
        """Return once the time to drain is nearly over."""
        await self._cuts_off.wait()

    @property
    def refuses(self) -> bool:
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
