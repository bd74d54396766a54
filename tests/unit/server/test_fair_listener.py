"""Connections of one port are shared evenly, and none is left to a worker that does not take it."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack

import pytest
from plimsoll.server import fair_listener
from plimsoll.server.fair_listener import ConnectionCounts, FairListener


class Worker:
    """Takes connections of a port and keeps them."""

    def __init__(self, story: ExitStack, listener: socket.socket, counts: ConnectionCounts) -> None:
        self.connections: set[asyncio.BaseTransport] = set()
        self._listener = story.enter_context(listener)
        self.listener = FairListener(
            listener, lambda: _Kept(self.connections), self.connections, counts, counts.take_place()
        )
        story.callback(self._close)

    def _close(self) -> None:
        self.listener.close()
        for transport in list(self.connections):
            transport.close()


class _Kept(asyncio.Protocol):
    def __init__(self, connections: set[asyncio.BaseTransport]) -> None:
        self._connections = connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._connections.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._connections.discard(self._transport)


@pytest.fixture
def port() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


async def connections_of(workers: list[Worker], wanted: int) -> list[int]:
    """How many each has, once together they have as many as wanted."""
    for _ in range(1000):
        found = [len(worker.connections) for worker in workers]
        if sum(found) == wanted:
            return found
        await asyncio.sleep(0.01)
    raise AssertionError(f"{found} connections, and not {wanted} together")


def about_equal(shares: list[int]) -> bool:
    """To the letter where no turn of the loop takes longer than a connection is left to others."""
    return max(shares) - min(shares) <= 4


def connect(port: socket.socket, story: ExitStack, count: int) -> None:
    for _ in range(count):
        story.enter_context(socket.create_connection(port.getsockname()))


def run(tell: Callable[[ExitStack], Awaitable[None]]) -> None:
    async def whole() -> None:
        with ExitStack() as story:
            await tell(story)

    asyncio.run(whole())


def test_connections_that_come_together_are_shared(port: socket.socket) -> None:
    async def tell(story: ExitStack) -> None:
        counts = ConnectionCounts(2)
        workers = [Worker(story, port.dup(), counts) for _ in range(2)]
        connect(port, story, 40)
        assert about_equal(await connections_of(workers, 40))

    run(tell)


def test_who_has_lost_some_gets_the_next_ones(port: socket.socket) -> None:
    async def tell(story: ExitStack) -> None:
        counts = ConnectionCounts(2)
        workers = [Worker(story, port.dup(), counts) for _ in range(2)]
        connect(port, story, 20)
        assert about_equal(await connections_of(workers, 20))
        for transport in list(workers[0].connections)[:6]:
            transport.close()
        await connections_of(workers, 14)
        connect(port, story, 6)
        assert about_equal(await connections_of(workers, 20))

    run(tell)


def test_what_is_left_to_a_worker_that_does_not_come_is_taken_all_the_same(port: socket.socket) -> None:
    async def tell(story: ExitStack) -> None:
        counts = ConnectionCounts(2)
        counts.tell(counts.take_place(), 0)
        worker = Worker(story, port.dup(), counts)
        connect(port, story, 5)
        assert await connections_of([worker], 5) == [5]

    run(tell)


def test_who_has_closed_gets_none_and_is_not_waited_for(port: socket.socket) -> None:
    async def tell(story: ExitStack) -> None:
        counts = ConnectionCounts(2)
        workers = [Worker(story, port.dup(), counts) for _ in range(2)]
        workers[0].listener.close()
        await workers[0].listener.wait_closed()
        assert not workers[0].listener.is_serving()
        connect(port, story, 7)
        assert await connections_of(workers, 7) == [0, 7]
        assert not counts.others_have_fewer(7)

    run(tell)


def test_a_worker_without_a_place_takes_connections_and_is_not_counted(port: socket.socket) -> None:
    async def tell(story: ExitStack) -> None:
        counts = ConnectionCounts(1)
        assert counts.take_place() == 0
        worker = Worker(story, port.dup(), counts)
        connect(port, story, 3)
        assert await connections_of([worker], 3) == [3]
        assert not counts.others_have_fewer(100)

    run(tell)


def test_a_place_is_free_again_once_its_worker_has_ended() -> None:
    counts = ConnectionCounts(2)
    places = [counts.take_place() for _ in range(3)]
    assert places == [0, 1, None]
    counts.tell(0, 5)
    assert counts.others_have_fewer(6)
    counts.give_back(0)
    counts.give_back(None)
    assert not counts.others_have_fewer(6)
    assert counts.take_place() == 0


class Full(socket.socket):
    """Says once that there is no room for another file."""

    refused = False

    def accept(self) -> tuple[socket.socket, object]:
        if not self.refused:
            self.refused = True
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


def test_without_room_for_another_file_it_tries_again_later(
    port: socket.socket, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(fair_listener, "_PAUSE_SECONDS", 0.05)

    async def tell(story: ExitStack) -> None:
        full = Full(fileno=port.dup().detach())
        worker = Worker(story, full, ConnectionCounts(1))
        connect(port, story, 2)
        assert await connections_of([worker], 2) == [2]

    run(tell)
    assert caplog.messages == ["cannot take a connection: Too many open files; trying again in 0.05 s"]
