"""Clients that leave, at every stage and in every way: nothing of them stays, and nothing is computed for them."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Callable

import pytest

from tests.hostile.form import CHUNKED, HOST, JSON, PREDICT, ROW, chunks, head, sized
from tests.hostile.served import Served
from tests.hostile.wire import connected, read_answer, read_answers, reset

_SLOW = b"POST /v1/models/slow/versions/1/predict HTTP/1.1"
_SLOW_BODY = b'{"features": [0, 0, 0, 0]}'
_STAGES = {
    "nothing sent": b"",
    "in the request line": b"GET /liv",
    "in the head": head(b"GET /livez HTTP/1.1", HOST)[:-3],
    "before the body": head(PREDICT, HOST, JSON, b"Content-Length: 1000"),
    "in the body": sized(ROW)[:-100],
    "before the chunks": head(PREDICT, HOST, JSON, CHUNKED),
    "in a chunk": head(PREDICT, HOST, JSON, CHUNKED) + chunks(ROW)[:100],
    "in the trailers": head(PREDICT, HOST, JSON, CHUNKED) + chunks(ROW)[:-2] + b"X: a",
    "asked for the body": head(PREDICT, HOST, JSON, b"Expect: 100-continue", b"Content-Length: 1000"),
    "waiting": sized(_SLOW_BODY, line=_SLOW),
    "with requests behind": sized(_SLOW_BODY, line=_SLOW) + sized(ROW) * 30,
    "with half a request behind": sized(_SLOW_BODY, line=_SLOW) + sized(ROW)[:-9],
    "answered": sized(ROW),
    "refused": b"\x00",
    "answered with much": head(b"GET /openapi.json HTTP/1.1", HOST) * 200,
}
_WAYS: dict[str, Callable[[socket.socket], None]] = {"close": socket.socket.close, "reset": reset}


@pytest.mark.parametrize("way", _WAYS)
@pytest.mark.parametrize("stage", _STAGES)
def test_nothing_stays_of_clients_that_leave(served: Served, stage: str, way: str) -> None:
    for _ in range(5):
        client = connected(served.address, receive_bytes=4096)
        client.sendall(_STAGES[stage])
        _WAYS[way](client)
    served.wait_for(lambda: served.in_flight() == 0, "nothing in flight")
    served.wait_for(lambda: served.connections() == 0, "no connection")


def test_memory_and_descriptors_do_not_grow_with_clients_that_leave(served: Served) -> None:
    process = served.process()

    def flood(rounds: int) -> None:
        for stage, leave in itertools.product(_STAGES.values(), _WAYS.values()):
            for _ in range(rounds):
                client = connected(served.address, receive_bytes=4096)
                client.sendall(stage if stage[:20] != _SLOW[:20] else b"")
                leave(client)
        served.wait_for(lambda: served.connections() == 0, "no connection")

    flood(10)
    memory_before, descriptors_before = process.memory_info().rss, process.num_fds()
    flood(50)
    assert process.memory_info().rss - memory_before < 16 << 20
    # A connection that was reset is no longer one for the kernel, but a descriptor until the server comes to it.
    served.wait_for(lambda: process.num_fds() <= descriptors_before, f"{descriptors_before} descriptors")


@pytest.mark.parametrize("way", _WAYS)
def test_what_is_queued_for_a_client_that_leaves_is_not_computed_and_counted(served: Served, way: str) -> None:
    gone_before, computed_before = _gone(served), _computed(served)
    first = connected(served.address)
    first.sendall(sized(_SLOW_BODY, line=_SLOW) * 8)
    served.wait_for(lambda: served.in_flight() > 0, "the first in flight")
    leaving = [connected(served.address) for _ in range(20)]
    for client in leaving:
        client.sendall(sized(_SLOW_BODY, line=_SLOW))
    served.wait_for(lambda: served.in_flight() > 15, "the others in flight")
    for client in leaving:
        _WAYS[way](client)
    with first, first.makefile("rb") as stream:
        answers = [read_answer(stream) for _ in range(8)]
    assert [answer.status for answer in answers if answer is not None] == [200] * 8
    served.wait_for(lambda: served.in_flight() == 0, "nothing in flight")
    gone, computed = _gone(served) - gone_before, _computed(served) - computed_before
    assert gone + computed == 28
    assert gone >= 12, f"{computed} of 28 were computed, of which 20 had left"


def test_a_client_that_half_closes_while_it_waits_gets_its_answer(served: Served) -> None:
    gone_before = _gone(served)
    clients = [connected(served.address) for _ in range(6)]
    for client in clients:
        client.sendall(sized(_SLOW_BODY, line=_SLOW))
        client.shutdown(socket.SHUT_WR)
    for client in clients:
        with client, client.makefile("rb") as stream:
            assert [each.status for each in read_answers(stream) if each.status != 100] == [200]
    assert _gone(served) == gone_before


def test_an_old_client_that_half_closes_is_sent_no_interim_answer(served: Served) -> None:
    with connected(served.address) as waits, connected(served.address) as client:
        waits.sendall(sized(_SLOW_BODY, line=_SLOW) * 5)
        client.sendall(sized(_SLOW_BODY, line=_SLOW.replace(b"1.1", b"1.0")))
        client.shutdown(socket.SHUT_WR)
        with client.makefile("rb") as stream:
            assert [each.status for each in read_answers(stream)] == [200]


def test_a_client_that_half_closes_within_a_body_is_gone(served: Served) -> None:
    gone_before = _gone(served)
    with connected(served.address) as client:
        client.sendall(sized(ROW)[:-1])
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
    served.wait_for(lambda: _gone(served) == gone_before + 1, "the client counted as gone")


def _gone(served: Served) -> float:
    return served.count("plimsoll_requests_total", code="499")


def _computed(served: Served) -> float:
    return served.count("plimsoll_requests_total", model="slow", code="200")
