"""What a client may not exceed: bytes, fields, seconds and connections. Every refusal is counted by its reason."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator

import pytest

from tests.hostile.form import CHUNKED, HOST, JSON, NEXT, PREDICT, ROW, chunks, head
from tests.hostile.served import Served
from tests.hostile.wire import connected, conversation, read_answer, read_answers, reset

_GET = b"GET /livez HTTP/1.1"
_TO_NOBODY = head(b"POST /nowhere HTTP/1.1", HOST, b"Content-Length: 5000")
_BODY_TO_COME = head(PREDICT, HOST, JSON, b"Content-Length: 5000")
_CHUNK_TO_COME = head(PREDICT, HOST, JSON, CHUNKED) + b"5\r\nab"
_FLOOD = head(b"GET /openapi.json HTTP/1.1", HOST) * 400
_HERE, _THERE, _ELSEWHERE = "127.0.0.1", "127.0.0.2", "127.0.0.3"
_MOST, _MOST_OF_ONE = 24, 16


@pytest.mark.parametrize(
    ("sent", "statuses", "reason"),
    [
        (b"", [], "head_too_slow"),
        (b"GET /livez HTT", [408], "head_too_slow"),
        (head(_GET, HOST)[:-2], [408], "head_too_slow"),
        (head(_GET, HOST) + b"GET", [200, 408], "head_too_slow"),
        (_TO_NOBODY + b"a" * 500, [404], "body_too_slow"),
        (_TO_NOBODY.replace(b"5000", b"900000000"), [404], None),
        (b"\x00", [400], "malformed_request"),
        (b"GET /" + b"a" * 9000, [414], "request_line_too_long"),
        (head(_GET, HOST, *[b"a:"] * 200), [431], "head_too_large"),
    ],
)
def test_a_client_that_brings_no_request_is_closed_and_counted(
    impatient: Served, sent: bytes, statuses: list[int], reason: str | None
) -> None:
    before = impatient.refused(reason or "")
    assert [answer.status for answer in conversation(impatient.address, [sent])] == statuses
    assert impatient.refused(reason or "") == before + (reason is not None)


@pytest.mark.parametrize("sent", [_BODY_TO_COME, _BODY_TO_COME + b"[" * 100, _CHUNK_TO_COME])
def test_a_body_that_does_not_come_is_told_so(impatient: Served, sent: bytes) -> None:
    answers = conversation(impatient.address, [sent])
    assert [answer.status for answer in answers] == [408]
    assert answers[0].fields["connection"] == "close"
    impatient.wait_for(lambda: impatient.in_flight() == 0, "nothing in flight")


@pytest.mark.parametrize(
    ("beginning", "drop", "status"),
    [
        (b"G", b"E", 408),
        (_GET + b"\r\nX: ", b"a", 408),
        (_BODY_TO_COME, b" ", 408),
        (_CHUNK_TO_COME, b"\r\n1\r\n", 400),
        (head(PREDICT, HOST, JSON, CHUNKED) + chunks(ROW)[:-2] + b"X: ", b"a", 408),
    ],
)
def test_a_client_that_drips_is_closed_as_well(impatient: Served, beginning: bytes, drop: bytes, status: int) -> None:
    with connected(impatient.address) as client:
        client.sendall(beginning)
        client.settimeout(0.1)
        for _ in range(300):
            client.sendall(drop)
            with contextlib.suppress(TimeoutError):
                assert client.recv(12) == b"HTTP/1.1 %d" % status
                return
    raise AssertionError("it drips on")


def test_an_idle_connection_is_closed_and_nobody_is_blamed(impatient: Served) -> None:
    with connected(impatient.address) as client, client.makefile("rb") as stream:
        for _ in range(3):
            client.sendall(head(_GET, HOST))
            answer = read_answer(stream)
            assert answer is not None
            assert "connection" not in answer.fields
        before = impatient.refused("head_too_slow")
        assert read_answer(stream) is None
        assert impatient.refused("head_too_slow") == before


def test_a_client_that_reads_nothing_is_closed_and_one_that_reads_slowly_is_not(impatient: Served) -> None:
    before = impatient.refused("answer_not_read")
    with connected(impatient.address, receive_bytes=4096) as client, pytest.raises(ConnectionError):
        _flood(client)
    assert impatient.refused("answer_not_read") == before + 1
    with connected(impatient.address, receive_bytes=4096) as client:
        client.sendall(head(b"GET /openapi.json HTTP/1.1", HOST) * 8 + NEXT)
        client.settimeout(30)
        read = b""
        while part := client.recv(4096):
            read += part
            time.sleep(0.01)
    assert read.count(b"HTTP/1.1 200 OK") == 9
    assert impatient.refused("answer_not_read") == before + 1


@pytest.fixture
def crowd(impatient: Served) -> Iterator[list[socket.socket]]:
    """Connections that are closed after the test, and have ended before the next one."""
    clients: list[socket.socket] = []
    yield clients
    for client in clients:
        reset(client)
    impatient.wait_for(lambda: impatient.connections() == 0, "no connection")


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET", head(_GET, HOST), _TO_NOBODY, _BODY_TO_COME, b"\x00", _FLOOD],
    ids=["silent", "in a head", "idle", "refused in a body", "in a body", "no request", "not reading"],
)
def test_at_the_cap_everybody_gets_in_and_the_longest_silent_makes_room(
    impatient: Served, crowd: list[socket.socket], sent: bytes
) -> None:
    before = impatient.refused("too_many_connections")
    for number in range(_MOST):
        crowd.append(connected(impatient.address, _HERE if number < _MOST // 2 else _THERE, receive_bytes=4096))
        with contextlib.suppress(TimeoutError):
            crowd[-1].settimeout(0.2)
            crowd[-1].sendall(sent)
    statuses = [_probe(impatient) for _ in range(30)]
    assert statuses == [200] * 30
    assert impatient.refused("too_many_connections") > before


def test_one_address_has_so_many_connections_and_another_gets_in(impatient: Served, crowd: list[socket.socket]) -> None:
    before = impatient.refused("too_many_from_address")
    crowd.extend(connected(impatient.address, _THERE) for _ in range(_MOST_OF_ONE))
    for client in crowd:
        client.sendall(head(_GET, HOST))
        assert client.recv(12) == b"HTTP/1.1 200"
    with connected(impatient.address, _THERE) as client:
        assert _is_closed(client)
    assert _probe(impatient) == 200
    assert impatient.refused("too_many_from_address") == before + 1


def _flood(client: socket.socket) -> None:
    """Ask and read nothing until the server ends the connection, or the patience of the socket."""
    while True:
        client.sendall(_FLOOD)


def _probe(impatient: Served) -> int:
    """The status that a probe of a third party gets over a connection of its own."""
    with connected(impatient.address, _ELSEWHERE) as client:
        client.sendall(NEXT.replace(b"/v1/models", b"/livez"))
        with client.makefile("rb") as stream:
            return next(answer.status for answer in read_answers(stream))


def _is_closed(client: socket.socket) -> bool:
    try:
        return client.recv(1) == b""
    except ConnectionError:
        return True
