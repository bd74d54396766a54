"""The end of a connection whose client may still be sending."""

from __future__ import annotations

_LINGER_SECONDS = 5.0
_MOST_BYTES = 64 << 20


class Lingering:
    """Bounds how long and how much is read and thrown away after the last answer.

    A client that is still sending would lose its answer if the connection were closed at once (RFC 9112 section 9.6).
    """

    __slots__ = ("_since", "_thrown_away_bytes")

    def __init__(self, now: float) -> None:
        self._since = now
        self._thrown_away_bytes = 0

    def brought(self, count: int) -> bool:
        """Whether the client may go on after it has sent so many bytes more."""
        self._thrown_away_bytes += count
        return self._thrown_away_bytes <= _MOST_BYTES

    def is_over(self, now: float) -> bool:
        """Whether the client has had its time, on the loop's clock."""
        return now - self._since > _LINGER_SECONDS
