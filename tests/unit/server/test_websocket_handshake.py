"""Which requests are the handshake of a WebSocket, and the answer that accepts one."""

from __future__ import annotations

import pytest
from plimsoll.server.connection_limits import ConnectionLimits
from plimsoll.server.request_head import parse_head
from plimsoll.server.websocket_handshake import is_handshake, switching_protocols

WHOLE = {
    b"upgrade": b"websocket",
    b"connection": b"Upgrade",
    b"sec-websocket-version": b"13",
    b"sec-websocket-key": b"dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {b"upgrade": b"WebSocket"},
        {b"upgrade": b"h2c, websocket"},
        {b"connection": b"keep-alive, Upgrade"},
        {b"x-other": b"1"},
    ],
)
def test_a_whole_handshake(change: dict[bytes, bytes]) -> None:
    assert is_handshake(WHOLE | change)


@pytest.mark.parametrize(
    "change",
    [
        {b"upgrade": b"h2c"},
        {b"upgrade": b"websockets"},
        {b"connection": b"keep-alive"},
        {b"sec-websocket-version": b"8"},
        {b"sec-websocket-version": b"13, 8"},
        {b"sec-websocket-key": b"short"},
        {b"sec-websocket-key": b"dGhlIHNhbXBsZSBub25jZQ==" * 2},
        {b"sec-websocket-key": b""},
    ],
)
def test_anything_else_is_an_ordinary_request(change: dict[bytes, bytes]) -> None:
    assert not is_handshake(WHOLE | change)


@pytest.mark.parametrize("name", list(WHOLE))
def test_every_field_is_needed(name: bytes) -> None:
    assert not is_handshake({each: value for each, value in WHOLE.items() if each != name})


@pytest.mark.parametrize(
    ("line", "more", "asks"),
    [
        (b"GET /a HTTP/1.1", b"", True),
        (b"POST /a HTTP/1.1", b"", False),
        (b"GET /a HTTP/1.0", b"", False),
        (b"GET /a HTTP/1.1", b"Content-Length: 2\r\n", False),
        (b"GET /a HTTP/1.1", b"Transfer-Encoding: chunked\r\n", False),
    ],
)
def test_only_a_get_without_a_body_asks_for_it(line: bytes, more: bytes, asks: bool) -> None:
    fields = b"".join(b"%b: %b\r\n" % field for field in WHOLE.items())
    head = parse_head((line + b"\r\nHost: here\r\n" + fields + more).removesuffix(b"\r\n"), ConnectionLimits())
    assert head.asks_for_websocket is asks


def test_the_answer_has_the_key_of_rfc_6455() -> None:
    said = switching_protocols(WHOLE[b"sec-websocket-key"], [(b"x-request-id", b"a")], b"date: now\r\n")
    assert said.startswith(b"HTTP/1.1 101 Switching Protocols\r\ndate: now\r\n")
    assert b"sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in said
    assert said.endswith(b"x-request-id: a\r\n\r\n")
