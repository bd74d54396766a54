"""Stops reading from a client while so much of it waits that nobody has taken."""

from __future__ import annotations

import asyncio

from plimsoll.server.exchange import Exchange
from plimsoll.server.request_parser import RequestParser

MOST_WAITING_BYTES = 65_536
"""No more is read from a client while so many of its bytes wait."""


class ReadingPause:
    """Pauses a transport and resumes it; `paused` says which came last."""

    __slots__ = ("_transport", "paused")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.paused = False

    def begin(self) -> None:
        """Read no more for now."""
        if not self.paused:
            self.paused = True
            self._transport.pause_reading()

    def end(self) -> bool:
        """Read on; returns whether reading was paused."""
        was_paused, self.paused = self.paused, False
        if was_paused:
            self._transport.resume_reading()
        return was_paused


def holds_enough(exchange: Exchange | None, parser: RequestParser, pipelined: int, *, unread: bool) -> bool:
    """Whether no more should be read; `unread` says that the client does not read its answers."""
    if exchange is None and not unread:
        return False
    return (
        parser.stopped_early
        or (exchange is not None and exchange.unread_bytes > MOST_WAITING_BYTES)
        or parser.waiting_bytes > MOST_WAITING_BYTES
        or (parser.waiting_bytes > 0 and parser.holds_heads(pipelined))
    )
