"""What a client gets for what it sends, and when its connection ends."""

from __future__ import annotations

import asyncio
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.server.connection_limits import ConnectionLimits
from starlette.types import Receive, Scope, Send

from tests.unit.server.wire import Echo, Wire

GET = b"GET /a HTTP/1.1\r\nHost: here\r\n\r\n"
OLD = b"GET /a HTTP/1.0\r\n\r\n"
INNER = b"GET /internal HTTP/1.1\r\nHost: here\r\n\r\n"


def post(body: bytes, *fields: bytes) -> bytes:
    return b"\r\n".join([b"POST /b HTTP/1.1", b"Host: here", *fields, b"Content-Length: %d" % len(body), b"", body])


async def never(_scope: Scope, receive: Receive, _send: Send) -> None:
    """Wait for the client to leave."""
    while (await receive())["type"] != "http.disconnect":
        pass


class Refuses:
    """Answers 401 and does not look at the body."""

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"no"})


async def test_a_request_is_answered_and_the_connection_kept() -> None:
    application = Echo()
    wire = Wire(application)
    said = await wire.send(post(b"hello"), GET)
    assert application.asked == [("POST", "/b", b"hello"), ("GET", "/a", b"")]
    assert said.startswith(b"HTTP/1.1 200 OK\r\ndate: ")
    assert b"\r\ncontent-length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\n" in said
    assert not wire.client.closed
    assert wire.server.total_requests == 2


async def test_what_the_application_is_told() -> None:
    application = Echo()
    await Wire(application, peer=("127.0.0.7", 99)).send(
        b"GET /a%20b%2fc?d=%20 HTTP/1.1\r\nHost: here\r\nX: \xe9\r\n\r\n"
    )
    scope = application.scopes[0]
    assert (scope["path"], scope["raw_path"], scope["query_string"]) == ("/a b/c", b"/a%20b%2fc", b"d=%20")
    assert (scope["client"], scope["server"], scope["http_version"]) == (("127.0.0.7", 99), ("127.0.0.1", 8000), "1.1")
    assert scope["headers"] == [(b"host", b"here"), (b"x", b"\xe9")]


@given(cuts=st.sets(st.integers(1, 700), max_size=12), count=st.integers(1, 4))
def test_wherever_the_packets_are_cut(cuts: set[int], count: int) -> None:
    async def ask() -> None:
        application = Echo()
        wire = Wire(application)
        await wire.send(*packets)
        await wire.settle()
        assert application.asked == [("POST", "/b", INNER), ("GET", "/a", b"")] * count
        assert wire.statuses[0] == 200
        assert not wire.client.closed

    sent = (post(INNER, b"Connection: Upgrade", b"Upgrade: websocket") + GET) * count
    edges = [0, *sorted(cut for cut in cuts if cut < len(sent)), len(sent)]
    packets = [sent[start:end] for start, end in itertools.pairwise(edges)]
    asyncio.run(ask())


@pytest.mark.parametrize("token", [b"h2c", b"websocket", b"foo", b"TLS/1.0"])
@pytest.mark.parametrize("connection", [b"Upgrade", b"upgrade, HTTP2-Settings", b"keep-alive , UPGRADE"])
async def test_a_request_for_an_upgrade_is_answered_and_nothing_in_its_body_is_a_request(
    token: bytes, connection: bytes
) -> None:
    request = post(INNER, b"Connection: " + connection, b"Upgrade: " + token)
    head_end = request.index(b"\r\n\r\n") + 4
    for packets in ([request], [request[:head_end], request[head_end:]]):
        application = Echo()
        await Wire(application).send(*packets)
        assert application.asked == [("POST", "/b", INNER)]


async def test_trailers_are_no_headers() -> None:
    application = Echo()
    chunked = b"POST /b HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Late: 1\r\n\r\n"
    await Wire(application).send(chunked)
    assert application.asked == [("POST", "/b", b"hi")]
    assert b"x-late" not in dict(application.scopes[0]["headers"])


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"nonsense\r\n\r\n", 400, "malformed_request"),
        (b"CONNECT here:80 HTTP/1.1\r\nHost: here\r\n\r\n", 400, "malformed_request"),
        (b"GET /" + b"a" * 9000, 414, "request_line_too_long"),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 70_000, 431, "head_too_large"),
        (b"GET / HTTP/1.1\r\nHost: here\r\n" + b"A: b\r\n" * 100 + b"\r\n", 431, "head_too_large"),
    ],
)
async def test_what_is_no_request_is_told_so_and_nothing_behind_it_is_read(sent: bytes, status: int, code: str) -> None:
    application = Echo()
    wire = Wire(application)
    said = await wire.send(GET + sent + GET, GET)
    assert wire.statuses == [200, status]
    error = json.loads(said.rpartition(b"\r\n\r\n")[2])["error"]
    assert error["code"] == code
    assert error["expected"]
    assert len(error["request_id"]) == 32
    assert b"connection: close" in said
    assert wire.client.ended, "the client is told the end, and may still be sending"
    assert (wire.refusals, len(application.asked)) == ([code], 1)


async def test_a_broken_body_ends_the_request_that_it_belongs_to() -> None:
    ended = asyncio.Event()

    async def reads(scope: Scope, receive: Receive, send: Send) -> None:
        await never(scope, receive, send)
        ended.set()

    wire = Wire(reads)
    await wire.send(b"POST /b HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", b"x\r\n")
    assert ended.is_set()
    assert wire.statuses == [400]


@pytest.mark.parametrize("request_bytes", [OLD, GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")])
async def test_a_client_that_wants_one_answer_gets_one(request_bytes: bytes) -> None:
    wire = Wire(Echo())
    said = await wire.send(request_bytes + GET)
    assert wire.statuses == [200]
    assert b"connection: close\r\n" in said
    assert wire.over()


async def test_a_client_that_waits_to_be_asked_for_its_body_is_asked_once_somebody_wants_it() -> None:
    expecting = b"POST / HTTP/1.1\r\nHost: here\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    wire = Wire(Echo())
    assert await wire.send(expecting) == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert wire.statuses == [100]
    await wire.send(b"{}")
    assert wire.statuses == [100, 200]
    refused = Wire(Refuses())
    await refused.send(expecting)
    assert refused.statuses == [401]


async def test_requests_that_wait_for_an_answer_wait_as_bytes_and_not_too_many() -> None:
    wire = Wire(never, ConnectionLimits(pipelined=3))
    await wire.send(GET, GET, GET)
    assert not wire.paused()
    await wire.send(GET)
    assert wire.paused()
    assert len(wire.server.tasks) == 1
    long = Wire(never)
    await long.send(GET, b"G" * 70_000)
    assert long.paused()


async def test_no_more_of_a_body_is_read_than_somebody_takes() -> None:
    go_on = asyncio.Event()

    async def slow(_scope: Scope, receive: Receive, send: Send) -> None:
        await go_on.wait()
        while (await receive())["more_body"]:
            pass
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    wire = Wire(slow)
    request = post(b"a" * 100_000)
    await wire.send(request[:80_000])
    assert wire.paused()
    go_on.set()
    await wire.settle()
    assert not wire.paused()
    await wire.send(request[80_000:])
    assert wire.statuses == [204]


@pytest.mark.parametrize(("length", "kept"), [(1000, True), (65_536, True), (10_000_000, False)])
async def test_the_rest_of_a_body_that_nobody_wants_is_thrown_away_if_it_is_short(length: int, kept: bool) -> None:
    wire = Wire(Refuses())
    head = b"POST /b HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n" % length
    said = await wire.send(head)
    assert wire.statuses == [401]
    assert (b"connection: close" in said) is not kept
    await wire.send(*[b"a" * 1000] * min(length // 1000, 100), b"a" * (length % 1000), GET)
    assert wire.statuses == ([401, 401] if kept else [401])
    assert wire.client.ended is not kept


async def test_a_client_that_has_left_is_noticed_also_where_it_has_sent_more() -> None:
    left: list[str] = []

    async def waits(_scope: Scope, receive: Receive, _send: Send) -> None:
        await receive()
        left.append((await receive())["type"])

    wire = Wire(waits)
    await wire.send(GET + GET)
    wire.connection.connection_lost(ConnectionResetError())
    await wire.settle()
    assert left == ["http.disconnect"]
    assert not wire.server.tasks
    assert len(wire.connections) == 0


async def test_a_half_closed_client_gets_its_answer_and_one_in_the_middle_of_a_request_none() -> None:
    go_on = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await go_on.wait()
        await Echo()(scope, receive, send)

    wire = Wire(slow)
    await wire.send(GET)
    assert wire.connection.eof_received() is True
    go_on.set()
    await wire.settle()
    assert wire.statuses == [200]
    assert wire.client.closed
    for sent in (b"", GET[:10], post(b"hello")[:-2]):
        early = Wire(never)
        await early.send(sent)
        assert early.connection.eof_received() is False
        early.connection.connection_lost(None)
        await early.settle()
        assert not early.server.tasks


async def test_a_server_that_stops_closes_what_is_idle_and_answers_what_is_not() -> None:
    go_on = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await go_on.wait()
        await Echo()(scope, receive, send)

    idle, busy = Wire(slow), Wire(slow)
    await busy.send(GET)
    idle.connection.shutdown()
    busy.connection.shutdown()
    assert (idle.client.closed, busy.client.closed) == (True, False)
    go_on.set()
    await busy.settle()
    assert busy.statuses == [200]
    assert busy.over()
    assert not busy.server.connections
