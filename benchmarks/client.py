"""A small HTTP/1.1 client on asyncio, for load: it keeps its connection, and it can leave at any byte."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import NamedTuple, Self


class Address(NamedTuple):
    """Where a server listens."""

    host: str
    port: int


class Answer(NamedTuple):
    """What came back. The names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


def request_bytes(
    method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None, *, keep: bool = True
) -> bytes:
    """A request as it goes over the wire; JSON unless `headers` name another type."""
    lines = {
        "Host": "localhost",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "keep-alive" if keep else "close",
        **(headers or {}),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body


class Connection:
    """One connection, opened when it is first needed and again after it was closed."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._stream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def open(self) -> None:
        """Connect, unless it is connected."""
        if self._stream is not None and self._stream[0].at_eof():
            self.close()  # the server hung up while nothing was asked; that is its right
        if self._stream is None:
            self._stream = await asyncio.open_connection(*self._address)

    async def send(self, data: bytes) -> None:
        """Send a request or the first part of one."""
        await self.open()
        assert self._stream is not None  # noqa: S101  # `open` has set it
        writer = self._stream[1]
        writer.write(data)
        await writer.drain()

    async def receive(self) -> Answer:
        """The next answer; an `EOFError` when the server hangs up instead."""
        assert self._stream is not None  # noqa: S101  # something was sent before
        reader = self._stream[0]
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers["content-length"]))
        if headers.get("connection", "").lower() == "close":
            self.close()
        return Answer(int(head[0].split()[1]), headers, body)

    async def ask(self, request: bytes) -> Answer:
        """Send a request and read its answer."""
        await self.send(request)
        return await self.receive()

    def close(self) -> None:
        """Hang up, whatever is under way."""
        if self._stream is not None:
            self._stream[1].close()
            self._stream = None
