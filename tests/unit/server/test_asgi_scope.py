"""Tests the ASGI scope of a connection and of a request."""

from __future__ import annotations

from typing import Any

import pytest
from plimsoll.inference.call import begin_call
from plimsoll.server.asgi_scope import connection_scope, request_scope
from plimsoll.server.connection_limits import ConnectionLimits
from plimsoll.server.request_head import parse_head

from tests.unit.server.wire import Recorder


def scope_of(target: bytes, state: dict[str, Any]) -> dict[str, Any]:
    head = parse_head(b"GET %b HTTP/1.1\r\nHost: a.example\r\nX-B: c" % target, ConnectionLimits())
    return dict(request_scope(connection_scope(Recorder()), head, state))


def test_the_ends_of_a_connection() -> None:
    scope = connection_scope(Recorder(peer=("192.0.2.7", 4000)))
    assert (scope["client"], scope["server"]) == (("192.0.2.7", 4000), ("127.0.0.1", 8000))


def test_an_ipv6_address_comes_without_flow_and_scope_ids() -> None:
    transport = Recorder(peer=("2001:db8::7", 4000, 0, 0))  # type: ignore[arg-type]  # what the socket module gives
    assert connection_scope(transport)["client"] == ("2001:db8::7", 4000)


@pytest.mark.parametrize(
    ("target", "path", "raw", "query"),
    [
        (b"/v1/predict", "/v1/predict", b"/v1/predict", b""),
        (b"/v1/models/a%20b?x=%20", "/v1/models/a b", b"/v1/models/a%20b", b"x=%20"),
        (b"/%C3%A4", "/ä", b"/%C3%A4", b""),
        (b"/a%2Fb", "/a/b", b"/a%2Fb", b""),
    ],
)
def test_a_path_is_decoded_and_kept_raw_too(target: bytes, path: str, raw: bytes, query: bytes) -> None:
    scope = scope_of(target, {})
    assert (scope["path"], scope["raw_path"], scope["query_string"]) == (path, raw, query)
    assert (scope["method"], scope["http_version"]) == ("GET", "1.1")
    assert scope["headers"] == [(b"host", b"a.example"), (b"x-b", b"c")]


def test_requests_with_one_head_share_it_as_their_calls_know_it() -> None:
    head = parse_head(b"GET / HTTP/1.1\r\nHost: a.example\r\nX-B: c\r\nX-B: d", ConnectionLimits())
    first, second = (begin_call(request_scope(connection_scope(Recorder()), head, {})) for _ in range(2))
    assert first.head is second.head
    assert first.head.fields == {b"host": b"a.example", b"x-b": b"c"}


def test_no_request_writes_into_the_state_of_the_next_one() -> None:
    state: dict[str, Any] = {"shared": 1}
    scope_of(b"/", state)["state"]["mine"] = 2
    assert state == {"shared": 1}
