"""Tests that a client that only stopped sending gets its answer, and that a client that has left is noticed."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from plimsoll.server.connection_limits import ConnectionLimits
from plimsoll.server.connections import Connections
from plimsoll.server.http_connection import HttpConnection
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

PATIENCE_SECONDS = 20


class Slow:
    """Answers once `answer` is set; `left` is set when its client is gone."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.answer = asyncio.Event()
        self.left = asyncio.Event()

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.set()
        while (await receive())["type"] != "http.disconnect":
            if self.answer.is_set():
                break
            answering = asyncio.create_task(self.answer.wait())
            leaving = asyncio.create_task(self._wait_for_the_client_to_leave(receive))
            await asyncio.wait((answering, leaving), return_when=asyncio.FIRST_COMPLETED)
            answering.cancel()
            leaving.cancel()
            break
        if self.answer.is_set():
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
            await send({"type": "http.response.body", "body": b"ok"})

    async def _wait_for_the_client_to_leave(self, receive: Receive) -> None:
        assert (await receive())["type"] == "http.disconnect"
        self.left.set()


@asynccontextmanager
async def served(app: Slow) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection on which a request has been sent, and after it the client's end."""
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off")
    config.load()
    connections = Connections(ConnectionLimits())

    def connection() -> HttpConnection:
        return HttpConnection(config, ServerState(), {}, connections=connections)

    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0)
    try:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await app.asked.wait()
        writer.write_eof()
        yield reader, writer
        writer.close()
    finally:
        server.close()


async def test_a_client_that_reads_on_gets_interim_answers_and_then_its_own() -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        app = Slow()
        async with served(app) as (reader, _):
            assert await reader.readline() == b"HTTP/1.1 100 Continue\r\n"
            assert not app.left.is_set()
            app.answer.set()
            rest = await reader.read()
            assert b"HTTP/1.1 200 OK\r\n" in rest
            assert rest.endswith(b"ok")


async def test_a_client_that_has_left_is_noticed_though_its_end_looked_the_same() -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        app = Slow()
        async with served(app) as (_, writer):
            end: socket.socket = writer.get_extra_info("socket")
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 0, 0))
            writer.close()  # with unread answers to come: the kernel replies to each with a reset
            await app.left.wait()
