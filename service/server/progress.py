"""How slowly a client sends and reads."""

from __future__ import annotations

_LEAST_BYTES = 1024
"""What a client has to bring, or to take, in the time that it has for it."""


class Progress:
    """Counts what a client brings of a body, and watches what it leaves unread. Times are of the loop's clock."""

    __slots__ = ("_brought_bytes", "_brought_since", "_unread_bytes", "_unread_since")

    def __init__(self, now: float) -> None:
        self._brought_bytes = self._unread_bytes = 0
        self._brought_since = self._unread_since = now

    def start(self, now: float) -> None:
        """Measure from now on what the client brings."""
        self._brought_bytes, self._brought_since = 0, now

    def brought(self, count: int) -> None:
        """So many bytes have come."""
        self._brought_bytes += count

    def brings_nothing(self, now: float, seconds: float) -> bool:
        """Whether the client has brought less than 1 KiB for so long."""
        if self._brought_bytes >= _LEAST_BYTES:
            self.start(now)
        return now - self._brought_since > seconds

    def reads_nothing(self, now: float, unread_bytes: int, seconds: float) -> bool:
        """Whether the client, which has so many bytes to read now, has read less than 1 KiB for so long."""
        if unread_bytes == 0 or self._unread_bytes == 0 or unread_bytes <= self._unread_bytes - _LEAST_BYTES:
            self._unread_bytes, self._unread_since = unread_bytes, now
        return now - self._unread_since > seconds
