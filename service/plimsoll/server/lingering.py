"""The end of a connection whose client may still be sending."""

from __future__ import annotations

import asyncio

_LINGER_SECONDS = 5.0
_MOST_BYTES = 64 << 20
_PAUSE_SECONDS = 0.005
"""Between two reads: reading as fast as a client sends what nobody wants would take the time of others."""


class Lingering:
    """Bounds how long, how much and how fast is read and thrown away after the last answer.

    A client that is still sending would lose its answer if the connection were closed at once (RFC 9112 section 9.6).
    """

    __slots__ = ("_loop", "_since", "_thrown_away_bytes", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, now: float) -> None:
        self._transport = transport
        self._loop = loop
        self._since = now
        self._thrown_away_bytes = 0

    def throw_away(self, count: int) -> None:
        """So many bytes have come; closes the connection where the client does not stop."""
        self._thrown_away_bytes += count
        if self._thrown_away_bytes > _MOST_BYTES:
            self._transport.abort()
        else:
            self._transport.pause_reading()
            self._loop.call_later(_PAUSE_SECONDS, self._read_on)

    def _read_on(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def is_over(self, now: float) -> bool:
        """Whether the client has had its time, on the loop's clock."""
        return now - self._since > _LINGER_SECONDS
