"""uvicorn's HTTP with two changes: `Upgrade` is ignored, and head and body of an answer leave in one write."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator

import httptools
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
    """Ignores `Upgrade`, as RFC 9110 section 7.8 allows, and writes head and body of an answer at once.

    httptools skips the body of a request that asks for an upgrade and parses the bytes of that body as the next
    request, which lets one client smuggle requests past a proxy. Such a request is parsed again without the two
    header fields that ask for it.

    As uvicorn writes an answer, head and body cost a call of the system each, and wake the client twice. On a small
    model over 64 connections the one write brings a tenth more requests out of the same two cores.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection."""
        super().connection_made(_OneWrite(transport, self.loop))  # type: ignore[arg-type]

    def data_received(self, data: bytes) -> None:
        """Parse what the client has sent."""
        self._unset_keepalive_if_required()
        while data:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                if self.parser.get_method() == b"CONNECT":
                    self._refuse()
                    return
                data = self._head_without_upgrade() + data[upgrade.args[0] :]
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            except httptools.HttpParserError:
                self._refuse()
                return
            else:
                return

    def on_headers_complete(self) -> None:
        """Begin to answer, unless the head is parsed again."""
        if not self.parser.should_upgrade():
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note that the whole body has come; what ends a head that is parsed again is no message."""
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def _refuse(self) -> None:
        reason = "Invalid HTTP request received."
        self.logger.warning(reason)
        self.send_400_response(reason)

    def _head_without_upgrade(self) -> bytes:
        version = self.parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)]
        lines += [b"%b: %b" % field for field in _without_upgrade(self.headers)]
        return b"\r\n".join([*lines, b"", b""])


def _without_upgrade(headers: list[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    for name, value in headers:
        if name == b"connection":
            options = [option.strip() for option in value.split(b",")]
            yield name, b", ".join(option for option in options if option.lower() != b"upgrade")
        elif name != b"upgrade":
            yield name, value
