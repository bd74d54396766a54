"""Finds out whether a client that sends no more has left, or reads on."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

_PROBE_SECONDS = 0.2
_REPLY_SECONDS = 0.1
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class HalfClose:
    """Sends an interim answer, to which a client that has left replies with a reset.

    TCP tells the two apart in no other way: both have sent their end. Every client of HTTP/1.1 skips interim answers
    (RFC 9110 section 15.2). `waits` says whether the answer is still to begin.
    """

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, waits: Callable[[], bool]
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._waits = waits
        loop.call_later(_PROBE_SECONDS, self._probe)

    def _probe(self) -> None:
        if self._waits() and not self._transport.is_closing():
            self._transport.write(_CONTINUE)
            self._loop.call_later(_REPLY_SECONDS, self._look)

    def _look(self) -> None:
        end: socket.socket | None = self._transport.get_extra_info("socket")
        if (
            self._waits()
            and not self._transport.is_closing()
            and end is not None
            and end.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0
        ):
            self._transport.abort()
