"""Connections over real sockets leave nothing behind, also where the garbage collector never runs."""

from __future__ import annotations

import asyncio
import gc
import socket
import struct
from collections.abc import Callable, Iterator
from weakref import WeakSet

import pytest
import uvicorn
import uvloop
from plimsoll.inference.call import WHOLE_BODY
from plimsoll.server.connection_limits import ConnectionLimits
from plimsoll.server.connections import Connections
from plimsoll.server.http_connection import HttpConnection
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from tests.unit.server.test_http_connection import GET, post

_CHUNKED = b"POST /b HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n"
_STAGES = {
    "nothing sent": b"",
    "in the head": GET[:-4],
    "in the body": post(b"a" * 200_000)[:-9],
    "in a chunk": _CHUNKED + b"5\r\na",
    "in the trailers": _CHUNKED + b"0\r\nX: a",
    "asked for the body": post(b"a", b"Expect: 100-continue")[:-1],
    "waiting": GET,
    "requests behind": GET * 40,
    "half a request behind": GET + GET[:-4],
    "refused": b"\x00",
    "refused in the body": _CHUNKED + b"x\r\n",
    "not reading": post(b"", b"Much: 1") * 40,
}


async def _application(scope: Scope, receive: Receive, send: Send) -> None:
    """Takes or reads the body and waits for a moment, as a model does; then answers, where somebody still waits."""
    more = scope["extensions"][WHOLE_BODY]() is None
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        more = message["more_body"]
    leaving = asyncio.ensure_future(receive())
    await asyncio.wait([leaving], timeout=0.02)
    gone = leaving.done()
    leaving.cancel()
    if gone:
        return
    body = b"x" * (1 << 20 if (b"much", b"1") in scope["headers"] else 10)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


def _reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def _half_close(client: socket.socket) -> None:
    client.shutdown(socket.SHUT_WR)
    client.close()


class _Watched(HttpConnection):
    """A connection of which it can be seen whether it is still there; what belongs to it refers to it."""

    __slots__ = ("__weakref__",)


async def _leave_nothing(sent: bytes, leave: Callable[[socket.socket], None]) -> None:
    """Return when nothing is left of ten clients that came, sent this and left; fails after half a minute."""
    config = uvicorn.Config(_application, log_config=None, lifespan="off")
    connections = Connections(ConnectionLimits())
    there: WeakSet[_Watched] = WeakSet()
    taken = 0

    def make() -> _Watched:
        nonlocal taken
        taken += 1
        connection = _Watched(config, ServerState(), {}, connections=connections)
        there.add(connection)
        return connection

    loop = asyncio.get_running_loop()
    server = await loop.create_server(make, "127.0.0.1", 0)
    for _ in range(10):
        client = socket.create_connection(server.sockets[0].getsockname())
        client.settimeout(0)
        await loop.sock_sendall(client, sent)
        await asyncio.sleep(0)
        leave(client)
    async with asyncio.timeout(30):
        while taken < 10 or there:  # noqa: ASYNC110  # it is the memory that is waited for
            await asyncio.sleep(0.01)
    server.close()
    await server.wait_closed()


@pytest.fixture
def _no_collection() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_no_collection")
@pytest.mark.parametrize("leave", [socket.socket.close, _reset, _half_close], ids=["close", "reset", "half-close"])
@pytest.mark.parametrize("stage", _STAGES)
@pytest.mark.parametrize("new_loop", [uvloop.new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"])
def test_nothing_is_left_of_clients_that_leave(
    new_loop: Callable[[], asyncio.AbstractEventLoop], stage: str, leave: Callable[[socket.socket], None]
) -> None:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(_leave_nothing(_STAGES[stage], leave))
