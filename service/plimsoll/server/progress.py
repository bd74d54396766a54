"""Bounds how slowly a client may send and read."""

from __future__ import annotations

_LEAST_BYTES = 1024
"""The bytes that a client has to send, or to read, within the time limit."""


class Progress:
    """Counts what a client brings of a body, and what it reads of answers. Times are of the loop's clock.

    `brought_since` is when it had last brought 1 KiB, as far as that was asked.
    """

    __slots__ = ("_brought_bytes", "_read_bytes", "_read_since", "brought_since")

    def __init__(self, now: float) -> None:
        self._brought_bytes = self._read_bytes = 0
        self.brought_since = self._read_since = now

    @property
    def brings(self) -> bool:
        """Whether the client has brought 1 KiB since then."""
        return self._brought_bytes >= _LEAST_BYTES

    def start(self, now: float) -> None:
        """Measure from now on what the client brings."""
        self._brought_bytes, self.brought_since = 0, now

    def brought(self, count: int) -> None:
        """So many bytes have come."""
        self._brought_bytes += count

    def brings_nothing(self, now: float, seconds: float) -> bool:
        """Whether the client has brought less than 1 KiB for so long."""
        if self.brings:
            self.start(now)
        return now - self.brought_since > seconds

    def reads_nothing(self, now: float, written_bytes: int, unread_bytes: int, seconds: float) -> bool:
        """Whether the client, which has some of what was written to read, has read less than 1 KiB for so long."""
        read_bytes = written_bytes - unread_bytes
        if unread_bytes == 0 or read_bytes >= self._read_bytes + _LEAST_BYTES:
            self._read_bytes, self._read_since = read_bytes, now
        return now - self._read_since > seconds
