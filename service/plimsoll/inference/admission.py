"""Bounds the requests and bytes that one version holds: bodies being read, and requests in flight."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from plimsoll.errors import Draining, Overloaded

_BODIES_PER_REQUEST = 4


@dataclass(frozen=True, slots=True)
class AdmissionLimits:
    """The most that one version may hold in one process.

    `requests` counts the requests with a complete body, running and queued together. `bytes` counts the received bytes
    of all requests that have not ended. `max_reading` counts the bodies that are still arriving; by default it is four
    for each of the requests.
    """

    requests: int
    bytes: int
    max_reading: int | None = None

    @property
    def reading(self) -> int:
        """The effective limit of bodies being read."""
        return _BODIES_PER_REQUEST * self.requests if self.max_reading is None else self.max_reading


class Admission:
    """Admission control of one version. Refuses at once and never waits; a request takes one place whatever its rows.

    A slow body takes a place among the bodies being read, and only a complete body takes a place in flight, because
    clients that send slowly must not keep others out of the queue. `retry_after_seconds` estimates how long that many
    requests take.
    """

    def __init__(self, limits: AdmissionLimits, retry_after_seconds: Callable[[int], int]) -> None:
        self.limits = limits
        self.requests_in_flight = 0
        self.bodies_being_read = 0
        self.bytes_in_flight = 0
        """The received bytes of all requests that have not ended, including incomplete bodies."""
        self._retry_after_seconds = retry_after_seconds
        self._open = True
        self._idle = asyncio.Event()
        self._idle.set()

    def expect(self) -> Permit:
        """A permit for a request whose body has not arrived yet; the end of the `with` block frees what it holds.

        Raises:
            Overloaded: the limit of requests or bytes in flight is reached; the error says when to try again.
            Draining: the version is being retired.
        """
        if not self._open:
            raise Draining("this version is being retired; ask again, another one will answer")
        limits = self.limits
        if self.requests_in_flight >= limits.requests:
            raise self._full(f"{limits.requests} requests are in flight")
        if self.bytes_in_flight >= limits.bytes and self.bytes_in_flight:
            raise self._full(f"{self.bytes_in_flight} bytes are in flight")
        return Permit(self)

    def admit(self, body_bytes: int) -> Permit:
        """A permit in flight, for a request whose body of that length is complete; see `expect` for the errors."""
        permit = self.expect()
        permit.complete(body_bytes)
        return permit

    def close(self) -> None:
        """Refuse new requests from now on; admitted requests continue."""
        self._open = False

    async def idle(self) -> None:
        """Return when no body is being read and nothing is in flight."""
        await self._idle.wait()

    def begin_reading(self) -> None:
        """Count a body that is being read; called by the permit.

        Raises:
            Overloaded: the limit of bodies being read is reached.
        """
        limits = self.limits
        if self.bodies_being_read >= limits.reading:
            raise self._overloaded(
                "too many requests to this model have not sent all of their bodies",
                f"at most {limits.reading} bodies being read",
                f"{self.bodies_being_read} bodies are being read",
            )
        self.bodies_being_read += 1
        self._idle.clear()

    def hold(self, more: int, held: int) -> None:
        """Count received bytes of a request that holds `held` bytes already; called by the permit.

        A body longer than the limit is admitted while no other request holds a byte, because otherwise it never could
        be.

        Raises:
            Overloaded: all bodies together would exceed the limit.
        """
        if self.bytes_in_flight + more > self.limits.bytes and self.bytes_in_flight > held and more:
            raise self._full(f"{self.bytes_in_flight} bytes are in flight")
        self.bytes_in_flight += more

    def enter(self, more: int, held: int) -> None:
        """Count a request in flight, with the last bytes of its body; called by the permit. See `hold` for the rest.

        Raises:
            Overloaded: the limit of requests in flight is reached.
        """
        limits = self.limits
        if self.requests_in_flight >= limits.requests:
            raise self._full(f"{limits.requests} requests are in flight")
        if self.bytes_in_flight + more > limits.bytes:
            self.hold(more, held)
        else:
            self.bytes_in_flight += more
        self.requests_in_flight += 1
        self._idle.clear()

    def leave(self, held: int, *, reading: bool, in_flight: bool) -> None:
        """Free what a permit held; called by the permit, once."""
        self.bytes_in_flight -= held
        self.bodies_being_read -= reading
        self.requests_in_flight -= in_flight
        if not self.requests_in_flight and not self.bodies_being_read:
            self._idle.set()

    def _full(self, given: str) -> Overloaded:
        limits = self.limits
        expected = f"at most {limits.requests} requests and {limits.bytes} bytes in flight"
        return self._overloaded("the queue of this model is full", expected, given)

    def _overloaded(self, message: str, expected: str, given: str) -> Overloaded:
        error = Overloaded(message, expected=expected, given=given)
        error.retry_after_seconds = self._retry_after_seconds(self.requests_in_flight)
        return error


class Permit:
    """The places and bytes that one request holds; the end of the `with` block frees them, also after an error."""

    __slots__ = ("_admission", "_held", "_in_flight", "_reading")

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._held = 0
        self._reading = self._in_flight = False

    def wait_for_body(self) -> None:
        """Take a place among the bodies being read; a body that is complete already needs none.

        Raises:
            Overloaded: the limit of bodies being read is reached.
        """
        if not self._reading:
            self._admission.begin_reading()
            self._reading = True

    def received(self, count: int) -> None:
        """Count received bytes of the body.

        Raises:
            Overloaded: all bodies together would exceed the limit of bytes in flight.
        """
        self._admission.hold(count, self._held)
        self._held += count

    def complete(self, count: int = 0) -> None:
        """Take a place in flight with the last `count` bytes of the body, and free the one among the bodies being read.

        Raises:
            Overloaded: the limit of requests or bytes in flight is reached.
        """
        self._admission.enter(count, self._held)
        self._held += count
        self._in_flight = True
        if self._reading:
            self._admission.leave(0, reading=True, in_flight=False)
            self._reading = False

    def __enter__(self) -> Permit:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._admission.leave(self._held, reading=self._reading, in_flight=self._in_flight)
