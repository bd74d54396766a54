"""Streams of events over a real server: rows as they finish, clients that leave or do not read, and all others."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import httpx
import pytest

from tests.hostile.form import HOST, JSON, head
from tests.hostile.served import Served
from tests.hostile.wire import connected, reset

_ACCEPT = b"Accept: text/event-stream"
_SLOW = b"POST /v1/models/slow/versions/1/predict HTTP/1.1"
_ROW = [0.0, 0.0, 0.0, 0.0]
_WAYS: dict[str, Callable[[socket.socket], None]] = {"close": socket.socket.close, "reset": reset}


def request(rows: int, line: bytes = _SLOW, row: list[float] | None = None) -> bytes:
    """A request for a stream of so many rows."""
    body = json.dumps({"instances": [row or _ROW] * rows}).encode()
    return head(line, HOST, JSON, _ACCEPT, b"Content-Length: %d" % len(body)) + body


def events(response: httpx.Response) -> Iterator[str]:
    """The names of the events as they come."""
    for line in response.iter_lines():
        if line.startswith("event: "):
            yield line.removeprefix("event: ")


def rows_run(served: Served) -> float:
    """The rows that the slow model has computed."""
    return served.count("plimsoll_batch_size_sum", model="slow")


def streaming(served: Served, rows: int) -> AbstractContextManager[httpx.Response]:
    """A stream of the slow model."""
    url = f"{served.url}/v1/models/slow/versions/1/predict"
    headers = {"accept": "text/event-stream"}
    return httpx.stream("POST", url, json={"instances": [_ROW] * rows}, headers=headers, timeout=30)


def test_rows_come_as_they_finish(served: Served) -> None:
    before = rows_run(served)
    with streaming(served, 10) as response:
        assert response.headers["content-type"] == "text/event-stream"
        names = events(response)
        assert next(names) == "prediction"
        assert rows_run(served) - before < 10, "the first event came only with the last"
        assert list(names) == ["prediction"] * 9 + ["done"]
    assert rows_run(served) - before == 10


@pytest.mark.parametrize("way", _WAYS)
def test_rows_that_have_not_run_never_run_once_the_client_has_left(served: Served, way: str) -> None:
    before, gone = rows_run(served), served.count("plimsoll_requests_total", code="499", protocol="v1-stream")
    client = connected(served.address)
    client.sendall(request(100))
    said = b""
    while b"event: prediction" not in said:
        said += client.recv(4096)
    _WAYS[way](client)
    served.wait_for(lambda: served.in_flight() == 0, "nothing in flight")
    ran = rows_run(served)
    assert ran - before < 100
    with streaming(served, 1) as response:  # which runs next, after the batch of the other that may have begun
        assert list(events(response)) == ["prediction", "done"]
    assert rows_run(served) <= ran + 2
    assert served.count("plimsoll_requests_total", code="499", protocol="v1-stream") == gone + 1


def test_others_are_answered_between_the_rows_of_a_stream(served: Served) -> None:
    with streaming(served, 30) as response:
        names = events(response)
        next(names)
        before = rows_run(served)
        plain = httpx.post(f"{served.url}/v1/models/slow/versions/1/predict", json={"features": _ROW}, timeout=30)
        assert plain.status_code == 200
        assert rows_run(served) - before < 25, "it waited for the whole stream"
        assert list(names)[-1] == "done"


def test_a_client_that_reads_nothing_is_closed_and_nothing_is_computed_for_it(impatient: Served) -> None:
    before = impatient.refused("answer_not_read")
    line = b"POST /v1/models/digits/predict HTTP/1.1"
    with connected(impatient.address, receive_bytes=4096) as client:
        client.settimeout(5)
        sent = request(100, line, [0.5])  # each row is answered with an error, which is longer than the row
        with contextlib.suppress(OSError):  # the server reads no more, or has closed the connection
            for _ in range(2000):
                client.sendall(sent)
        impatient.wait_for(lambda: impatient.refused("answer_not_read") == before + 1, "the connection closed")
    impatient.wait_for(lambda: impatient.in_flight() == 0, "nothing in flight")


def test_a_stream_is_counted_apart_and_never_as_a_latency(served: Served) -> None:
    names = ("request_duration_seconds_count", "stream_pieces_total", "stream_first_piece_seconds_count")
    before = [served.count(f"plimsoll_{name}") for name in names]
    with streaming(served, 3) as response:
        assert list(events(response))[-1] == "done"
    served.wait_for(lambda: served.in_flight() == 0, "nothing in flight")
    after = [served.count(f"plimsoll_{name}") for name in names]
    assert [new - old for new, old in zip(after, before, strict=True)] == [0, 3, 1]
