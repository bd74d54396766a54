"""The door of one version: so many requests and so many bytes in flight, and not one more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from service.errors import Draining, Overloaded


@dataclass(frozen=True, slots=True)
class AdmissionLimits:
    """The most that may be in flight, running and queued together, in one process."""

    requests: int
    bytes: int


class Admission:
    """Counts what is in flight. Refuses at once, never waits; a request holds one permit whatever its rows.

    `retry_after_seconds` tells how long so many requests take.
    """

    def __init__(self, limits: AdmissionLimits, retry_after_seconds: Callable[[int], int]) -> None:
        self.limits = limits
        self.requests_in_flight = 0
        self.bytes_in_flight = 0
        self._retry_after_seconds = retry_after_seconds
        self._open = True
        self._idle = asyncio.Event()
        self._idle.set()

    def admit(self, body_bytes: int) -> Permit:
        """A permit for a request whose body has that declared length; it is held until the `with` block ends.

        Raises:
            Overloaded: as many requests or bytes are in flight as may be; says when room is to be expected.
            Draining: the version is being retired.
        """
        if not self._open:
            raise Draining("this version is being retired; ask again, another one will answer")
        if self.requests_in_flight >= self.limits.requests:
            raise self._overloaded(f"{self.limits.requests} requests are in flight")
        if self.bytes_in_flight + body_bytes > self.limits.bytes and self.bytes_in_flight > 0:
            raise self._overloaded(f"{self.bytes_in_flight} bytes are in flight")
        self.requests_in_flight += 1
        self.bytes_in_flight += body_bytes
        self._idle.clear()
        return Permit(self, body_bytes)

    def close(self) -> None:
        """Let nobody in any more; those inside go on."""
        self._open = False

    async def idle(self) -> None:
        """Return when nothing is in flight."""
        await self._idle.wait()

    def release(self, body_bytes: int) -> None:
        """What a permit held is free again; called by the permit, once."""
        self.requests_in_flight -= 1
        self.bytes_in_flight -= body_bytes
        if self.requests_in_flight == 0:
            self._idle.set()

    def _overloaded(self, given: str) -> Overloaded:
        error = Overloaded(
            "the queue of this model is full",
            expected=f"at most {self.limits.requests} requests and {self.limits.bytes} bytes in flight",
            given=given,
        )
        error.retry_after_seconds = self._retry_after_seconds(self.requests_in_flight)
        return error


class Permit:
    """Room for one request, given back when the `with` block ends, however it ends."""

    __slots__ = ("_admission", "_body_bytes")

    def __init__(self, admission: Admission, body_bytes: int) -> None:
        self._admission = admission
        self._body_bytes = body_bytes

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._admission.release(self._body_bytes)
