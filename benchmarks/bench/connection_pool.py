"""Connections that are kept, each with one request in flight at most, by a client that does little but write and read.

The bodies of answers are not kept. It costs the client's core so little that it can offer what a server cannot answer.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar, cast

from benchmarks.client import Address
from benchmarks.open_loop import BROKEN

_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)

T = TypeVar("T")


class _Connection(asyncio.Protocol, Generic[T]):
    """One connection; `asked` is what is in flight on it."""

    def __init__(self, pool: ConnectionPool[T]) -> None:
        self._pool = pool
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self.asked: T | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be ready for a request."""
        self._transport = cast("asyncio.Transport", transport)

    def send(self, request: bytes, asked: T) -> None:
        """Write a request."""
        assert self._transport is not None  # noqa: S101  # only what is connected is asked
        self.asked = asked
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Read an answer; the last of its bytes ends the request."""
        data = self._received + data if self._received else data
        end = data.find(_HEAD_END)
        length = _LENGTH.search(data, 0, end) if end >= 0 else None
        if length is None or len(data) < end + len(_HEAD_END) + int(length[1]):
            self._received = data
            return
        self._received = b""
        self._end(int(data[9:12]))
        self._pool.is_free(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """A request that was in flight is broken; another connection is opened."""
        del exc
        self._end(BROKEN)
        self._pool.is_lost(self)

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.abort()

    def _end(self, status: int) -> None:
        asked, self.asked = self.asked, None
        if asked is not None:
            self._pool.ended(asked, status)


class ConnectionPool(Generic[T]):
    """Sends the same request again and again over a fixed number of connections; `ended` takes what came of each.

    What is sent goes by a name of the caller's, which is never None. It waits where all connections are in use.
    """

    def __init__(self, address: Address, request: bytes, connections: int, ended: Callable[[T, int], None]) -> None:
        self._address = address
        self._request = request
        self._wanted = connections
        self._all: set[_Connection[T]] = set()
        self._idle: list[_Connection[T]] = []
        self._waiting: deque[T] = deque()
        self._opening: set[asyncio.Task[None]] = set()
        self._over = False
        self.ended = ended

    async def open(self) -> None:
        """Connect. Where that fails there is one less; its requests wait for the others."""
        await asyncio.gather(*(self._open() for _ in range(self._wanted)))

    def send(self, asked: T) -> None:
        """Send a request, or keep it until a connection is free."""
        if self._idle:
            self._idle.pop().send(self._request, asked)
        else:
            self._waiting.append(asked)

    @property
    def has_ended(self) -> bool:
        """Whether everything that was asked has been answered or is broken."""
        return not self._waiting and all(each.asked is None for each in self._all)

    def close(self) -> list[T]:
        """Hang up; returns what was asked and never ended, which `ended` is not told of."""
        self._over = True
        unanswered, self._waiting = list(self._waiting), deque()
        for connection in list(self._all):
            if connection.asked is not None:
                unanswered.append(connection.asked)
                connection.asked = None
            connection.close()
        return unanswered

    def is_free(self, connection: _Connection[T]) -> None:
        """Give a connection its next request, or keep it for one."""
        if self._waiting:
            connection.send(self._request, self._waiting.popleft())
        else:
            self._idle.append(connection)

    def is_lost(self, connection: _Connection[T]) -> None:
        """Open another in place of a connection that a server has closed."""
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if not self._over:
            task = asyncio.get_running_loop().create_task(self._open())
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _open(self) -> None:
        try:
            _, connection = await asyncio.get_running_loop().create_connection(
                lambda: _Connection(self), *self._address
            )
        except OSError:
            return
        if self._over:
            connection.close()  # it was to take the place of one that the server closed
            return
        self._all.add(connection)
        self.is_free(connection)
