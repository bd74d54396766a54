"""Shares the connections of one port among workers: a worker with more connections leaves the next one to others."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Callable, Sized
from mmap import mmap

_log = logging.getLogger(__name__)
_NOBODY = -1
_LEFT_SECONDS = 0.002
"""The time for which a connection is left to workers with fewer connections; after that, this worker accepts it."""
_PER_MORE = 16
"""One more connection is accepted in a turn of the loop for each 16 open ones, because they make its turns longer."""
_OUT_OF_ROOM = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_PAUSE_SECONDS = 1.0


class ConnectionCounts:
    """The number of connections of each worker; created before the first fork, and shared by all workers.

    It has places for `workers` at a time; a worker without a place is not counted.
    """

    def __init__(self, workers: int) -> None:
        self._counts = memoryview(mmap(-1, 8 * workers)).cast("q")
        self._taken: set[int] = set()
        for place in range(workers):
            self._counts[place] = _NOBODY

    def take_place(self) -> int | None:
        """Take a place for a worker that is about to be forked."""
        free = set(range(len(self._counts))) - self._taken
        if not free:
            return None
        place = min(free)
        self._taken.add(place)
        return place

    def give_back(self, place: int | None) -> None:
        """Free the place of a worker that has ended."""
        if place is not None:
            self._counts[place] = _NOBODY
            self._taken.discard(place)

    def tell(self, place: int | None, connections: int) -> None:
        """Set the number of open connections of the worker with that place."""
        if place is not None:
            self._counts[place] = connections

    def leave(self, place: int | None) -> None:
        """Note that the worker with that place accepts no more connections."""
        self.tell(place, _NOBODY)

    def anyone_listens(self) -> bool:
        """Whether any worker accepts connections."""
        return any(count != _NOBODY for count in self._counts)

    def others_have_fewer(self, connections: int) -> bool:
        """Whether a worker that accepts connections has fewer."""
        return any(0 <= count < connections for count in self._counts)


class FairListener:
    """Accepts connections one by one, whereas the loop's own server accepts all that wait.

    If many clients connect at the same time, that server gives most of the connections to the worker that wakes first:
    with two workers and 128 connections, one had 99. The caller owns the socket, which listens already. `make_protocol`
    makes the protocol of a connection; `connections` are the open ones.
    """

    def __init__(
        self,
        listener: socket.socket,
        make_protocol: Callable[[], asyncio.BaseProtocol],
        connections: Sized,
        counts: ConnectionCounts,
        place: int | None,
    ) -> None:
        self._listener = listener
        self._make_protocol = make_protocol
        self._connections = connections
        self._counts = counts
        self._place = place
        self._loop = asyncio.get_running_loop()
        self._opening: set[asyncio.Task[None]] = set()
        self._closed = False
        listener.setblocking(False)  # noqa: FBT003  # the socket module takes it by position only
        self._tell()
        self._listen()

    def close(self) -> None:
        """Accept no more connections; open ones stay open."""
        self._closed = True
        self._counts.leave(self._place)
        self._loop.remove_reader(self._listener)

    async def wait_closed(self) -> None:
        """Return when each accepted connection has its protocol."""
        await asyncio.gather(*self._opening)

    def is_serving(self) -> bool:
        """Whether it accepts connections."""
        return not self._closed

    def _listen(self) -> None:
        if not self._closed:
            self._loop.add_reader(self._listener, self._ready)

    def _tell(self) -> int:
        count = len(self._connections) + len(self._opening)
        self._counts.tell(self._place, count)
        return count

    def _ready(self) -> None:
        if self._counts.others_have_fewer(self._tell()):
            self._loop.remove_reader(self._listener)
            self._loop.call_later(_LEFT_SECONDS, self._take_what_was_left)
        else:
            self._take(1 + len(self._connections) // _PER_MORE)

    def _take_what_was_left(self) -> None:
        self._listen()
        if not self._closed:
            self._take(1)

    def _take(self, most: int) -> None:
        for _ in range(most):
            try:
                connection, _address = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return  # another worker has accepted it, or the client has left
            except OSError as error:
                if error.errno not in _OUT_OF_ROOM:
                    raise
                _log.warning("cannot take a connection: %s; trying again in %g s", error.strerror, _PAUSE_SECONDS)
                self._loop.remove_reader(self._listener)
                self._loop.call_later(_PAUSE_SECONDS, self._listen)
                return
            opening = self._loop.create_task(self._open(connection))
            self._opening.add(opening)
            opening.add_done_callback(self._opening.discard)
            self._tell()

    async def _open(self, connection: socket.socket) -> None:
        try:
            connection.setblocking(False)  # noqa: FBT003  # the same
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await self._loop.connect_accepted_socket(self._make_protocol, connection)
        except OSError:  # the client has left in the meantime
            connection.close()
