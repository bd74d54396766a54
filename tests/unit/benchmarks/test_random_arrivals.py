"""Requests at random times: each is sent once, also where connections are few, slow, or closed by the server."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from benchmarks.bench.random_arrivals import RandomArrivals
from benchmarks.client import Address, request_bytes
from benchmarks.open_loop import BROKEN
from tests.unit.eventually import eventually

REQUEST = request_bytes("POST", "/", b"{}")
PIECES = (b"HTTP/1.1 200 OK\r\nContent-", b"Length: 2\r\n\r\n{", b"}")
REFUSAL = (b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n\r\n",)


async def came_of(pieces: tuple[bytes, ...], *, connections: int = 2, hangs_up: bool = False) -> tuple[list[int], int]:
    """The statuses of twenty requests to a server that answers in these pieces, and how many connections it saw."""
    seen = open_now = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal seen, open_now
        seen, open_now = seen + 1, open_now + 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while await reader.readuntil(b"\r\n\r\n{}") and not hangs_up:
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        open_now -= 1

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    load = RandomArrivals(Address("127.0.0.1", server.sockets[0].getsockname()[1]), REQUEST, connections)
    async with asyncio.timeout(30):
        await load.run(number / 1000 for number in range(20))
    server.close()
    await eventually(lambda: open_now == 0)
    return [sample.status for sample in load.samples], seen


async def test_every_request_is_answered_once_over_connections_that_are_kept() -> None:
    assert await came_of(PIECES) == ([200] * 20, 2)


async def test_requests_wait_for_the_only_connection() -> None:
    assert await came_of(PIECES, connections=1) == ([200] * 20, 1)


async def test_refusals_are_counted_as_such() -> None:
    assert (await came_of(REFUSAL))[0] == [429] * 20


async def test_a_connection_that_the_server_closes_breaks_its_request_and_is_replaced() -> None:
    statuses, seen = await came_of((), hangs_up=True)
    assert statuses == [BROKEN] * 20
    assert seen >= 20


async def test_a_connection_that_opens_once_the_load_is_over_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    connect = loop.create_connection

    async def late(*arguments: Any) -> Any:
        connected = await connect(*arguments)
        await asyncio.sleep(0.05)
        return connected

    monkeypatch.setattr(loop, "create_connection", late)
    assert (await came_of((), hangs_up=True))[0] == [BROKEN] * 20
