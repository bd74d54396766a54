"""Whatever an application says, the client reads what uvicorn's own protocol would have sent it, in fewer writes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from service.cli.http_protocol import HttpProtocol

GET, HEAD = b"GET / HTTP/1.1\r\nhost: here\r\n\r\n", b"HEAD / HTTP/1.1\r\nhost: here\r\n\r\n"
EXPECTING = b"POST / HTTP/1.1\r\nhost: here\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n"
OLD = b"GET / HTTP/1.0\r\nhost: here\r\n\r\n"
BROKEN = b"this is not HTTP\r\n\r\n"


class Recorder(asyncio.Transport):
    """The end of a connection that keeps every write."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if data:
            self.writes.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


@dataclass
class Application:
    """Reads the request, and says what it is made to say."""

    status: int = 200
    parts: list[bytes] = field(default_factory=lambda: [b"{}"])
    sized: bool = True
    breaks_after: int | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope
        await receive()
        length = b"%d" % sum(map(len, self.parts))
        headers = [(b"content-length", length)] if self.sized else []
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        for index, part in enumerate(self.parts):
            if index == self.breaks_after:
                raise RuntimeError("broken on purpose")
            more = index + 1 < len(self.parts)
            message: Message = {"type": "http.response.body", "body": part, "more_body": more}
            await send(message)


def connected(protocol: type[HttpToolsProtocol], application: ASGIApp) -> tuple[HttpToolsProtocol, Recorder]:
    """A connection that a client has just made, and what it hears of it."""
    config = uvicorn.Config(application, log_config=None, access_log=False, lifespan="off")
    config.load()
    connection, client = protocol(config, ServerState(), {}), Recorder()
    connection.connection_made(client)
    return connection, client


async def finish(connection: HttpToolsProtocol) -> None:
    """Let what was asked be answered, and leave no alarm behind."""
    await asyncio.gather(*connection.tasks)
    if connection.timeout_keep_alive_task is not None:
        connection.timeout_keep_alive_task.cancel()


async def said_by(protocol: type[HttpToolsProtocol], application: Application, *requests: bytes) -> Recorder:
    """What goes out for some requests, one after the other."""
    connection, client = connected(protocol, application)
    for request in requests:
        connection.data_received(request)
        await finish(connection)
        await asyncio.sleep(0)
    return client


applications = st.builds(
    Application,
    status=st.sampled_from([200, 204, 304, 404, 500]),
    parts=st.lists(st.sampled_from([b"", b"{}", b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 70_000]), min_size=1, max_size=3),
    sized=st.booleans(),
    breaks_after=st.none() | st.integers(0, 2),
)


@given(application=applications, requests=st.lists(st.sampled_from([GET, HEAD, EXPECTING + b"{}", OLD]), max_size=3))
def test_the_client_reads_the_same(application: Application, requests: list[bytes]) -> None:
    plain = asyncio.run(said_by(HttpToolsProtocol, application, *requests))
    ours = asyncio.run(said_by(HttpProtocol, application, *requests))
    assert b"".join(ours.writes) == b"".join(plain.writes)
    assert ours.closed == plain.closed


@pytest.mark.parametrize("request_bytes", [GET, HEAD, OLD, BROKEN])
def test_an_answer_is_one_write(request_bytes: bytes) -> None:
    assert len(asyncio.run(said_by(HttpProtocol, Application(), request_bytes)).writes) == 1


async def said_at_once(application: ASGIApp, request: bytes, go_on: Callable[[HttpToolsProtocol], None]) -> bytes:
    """What goes out in the loop's first turns for a request; it is answered to its end once it may `go_on`."""
    connection, client = connected(HttpProtocol, application)
    connection.data_received(request)
    for _ in range(3):
        await asyncio.sleep(0)
    said = b"".join(client.writes)
    go_on(connection)
    await finish(connection)
    assert connection.timeout_keep_alive_task is not None, "not answered"
    return said


def test_a_head_does_not_wait_for_a_slow_body() -> None:
    released = asyncio.Event()

    async def slow(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await released.wait()
        await send({"type": "http.response.body", "body": b"{}"})

    said = asyncio.run(said_at_once(slow, GET, lambda _: released.set()))
    assert said == b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


def test_a_client_that_waits_to_be_asked_for_its_body_is_asked_at_once() -> None:
    said = asyncio.run(said_at_once(Application(), EXPECTING, lambda connection: connection.data_received(b"{}")))
    assert said == b"HTTP/1.1 100 Continue\r\n\r\n"
