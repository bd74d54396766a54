"""A request that asks for another protocol is answered in this one, and nothing in its body becomes a request."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send

from service.cli.http_protocol import HttpProtocol
from tests.unit.cli.test_http_protocol import connected, finish

INNER = b"GET /internal HTTP/1.1\r\nhost: here\r\n\r\n"


class Echo:
    """Answers every request and keeps what it was asked: method, path and body."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, bytes]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        self.asked.append((scope["method"], scope["path"], body))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


def upgrading(token: bytes, connection: bytes = b"Upgrade", framing: bytes | None = None, body: bytes = INNER) -> bytes:
    """A POST to /v1/predict that asks for another protocol and carries `body`."""
    framing = b"Content-Length: %d" % len(body) if framing is None else framing
    if framing.startswith(b"Transfer"):
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    lines = (b"POST /v1/predict HTTP/1.1", b"Host: x", b"Connection: " + connection, b"Upgrade: " + token, framing)
    return b"\r\n".join([*lines, b"", body])


async def asked_by(*packets: bytes) -> tuple[list[tuple[str, str, bytes]], int]:
    """What the application was asked by these packets, and how many answers the client got."""
    application = Echo()
    connection, client = connected(HttpProtocol, application)
    for packet in packets:
        connection.data_received(packet)
        for _ in range(8):
            await asyncio.sleep(0)
    await finish(connection)
    return application.asked, b"".join(client.writes).count(b"HTTP/1.1 200")


@pytest.mark.parametrize("token", [b"h2c", b"websocket", b"foo", b"TLS/1.0"])
@pytest.mark.parametrize("connection", [b"Upgrade", b"upgrade, HTTP2-Settings", b"keep-alive , UPGRADE"])
@pytest.mark.parametrize("framing", [None, b"Transfer-Encoding: chunked"])
def test_the_body_is_read_and_is_no_request(token: bytes, connection: bytes, framing: bytes | None) -> None:
    request = upgrading(token, connection, framing)
    head_end = request.index(b"\r\n\r\n") + 4
    for packets in ([request], [request[:head_end], request[head_end:]]):
        asked, answers = asyncio.run(asked_by(*packets))
        assert asked == [("POST", "/v1/predict", INNER)]
        assert answers == 1


@given(cuts=st.sets(st.integers(1, 450), max_size=12), count=st.integers(1, 3))
def test_wherever_the_packets_are_cut(cuts: set[int], count: int) -> None:
    sent = upgrading(b"websocket") * count
    edges = [0, *sorted(cut for cut in cuts if cut < len(sent)), len(sent)]
    packets = [sent[start:end] for start, end in itertools.pairwise(edges)]
    asked, answers = asyncio.run(asked_by(*packets))
    assert asked == [("POST", "/v1/predict", INNER)] * count
    assert answers == count


def test_a_request_without_a_body_is_answered_and_so_is_the_one_behind_it() -> None:
    handshake = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    asked, answers = asyncio.run(asked_by(handshake + INNER))
    assert asked == [("GET", "/livez", b""), ("GET", "/internal", b"")]
    assert answers == 2


def test_a_tunnel_is_refused() -> None:
    asked, answers = asyncio.run(asked_by(b"CONNECT here:80 HTTP/1.1\r\nHost: here:80\r\n\r\n" + INNER))
    assert (asked, answers) == ([], 0)
