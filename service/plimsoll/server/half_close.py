"""Finds out whether a client that sends no more has left, or reads on."""

from __future__ import annotations

import asyncio
import socket

from plimsoll.server.exchange import Exchange

_PROBE_SECONDS = 0.2
_REPLY_SECONDS = 0.1
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class HalfClose:
    """Sends an interim answer, to which a client that has left replies with a reset, and looks for that reset.

    TCP distinguishes the two in no other way: both have sent their end. Every client of HTTP/1.1 skips interim answers
    (RFC 9110 section 15.2). It ends once the answer of `exchange` has begun.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, exchange: Exchange) -> None:
        self._transport = transport
        self._loop = loop
        self._exchange = exchange
        if exchange.http_version == "1.1":
            loop.call_later(_PROBE_SECONDS, self._probe)

    def _probe(self) -> None:
        if self._waits():
            self._transport.write(_CONTINUE)
            self._loop.call_later(_REPLY_SECONDS, self._look, _REPLY_SECONDS)

    def _look(self, waited_seconds: float) -> None:
        """Look again after twice the time: a reply from far away takes longer."""
        if not self._waits():
            return
        end: socket.socket | None = self._transport.get_extra_info("socket")
        if end is not None and end.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0:
            self._transport.abort()
        else:
            self._loop.call_later(2 * waited_seconds, self._look, 2 * waited_seconds)

    def _waits(self) -> bool:
        exchange = self._exchange
        return not (exchange.begun or exchange.complete or exchange.left or self._transport.is_closing())
