"""Many requests on one connection: all answered, in their order, wherever the packets are cut."""

from __future__ import annotations

import contextlib
import json
import random
import socket
from collections.abc import Iterator

import pytest

from tests.hostile.form import HOST, NEXT, ROW, chunked, chunks, head, sized
from tests.hostile.served import Served
from tests.hostile.wire import Answer, connected, conversation, read_answer, read_answers

_BODY = json.dumps({"instances": [[0] * 784] * 20}).encode()
_KINDS = (
    (head(b"GET /livez HTTP/1.1", HOST, b"X-Request-Id: %b"), 200),
    (head(b"GET /v1/models HTTP/1.1", HOST, b"X-Request-Id: %b"), 200),
    (head(b"GET /openapi.json HTTP/1.1", HOST, b"X-Request-Id: %b"), 200),
    (head(b"GET /nowhere HTTP/1.1", HOST, b"X-Request-Id: %b"), 404),
    (head(b"PUT /v1/predict HTTP/1.1", HOST, b"X-Request-Id: %b"), 405),
    (sized(ROW, b"X-Request-Id: %b"), 200),
    (sized(_BODY, b"X-Request-Id: %b"), 200),
    (sized(b"{}", b"X-Request-Id: %b"), 422),
    (sized(b"", b"X-Request-Id: %b"), 400),
    (chunked(chunks(ROW[:99], ROW[99:], trailers=b"X: a\r\n"), b"X-Request-Id: %b"), 200),
    (sized(ROW, b"X-Request-Id: %b", line=b"POST /v1/models/digits/versions/9/predict HTTP/1.1"), 404),
)


def _requests(count: int) -> tuple[bytes, list[tuple[int, str]]]:
    """Mixed requests, and the status and the id of the answer to each."""
    chosen = random.Random(count).choices(_KINDS, k=count)  # noqa: S311  # chooses requests, and keeps no secret
    sent = b"".join(request % b"r%d" % number for number, (request, _) in enumerate(chosen))
    return sent, [(status, f"r{number}") for number, (_, status) in enumerate(chosen)]


def _said(answers: list[Answer]) -> list[tuple[int, str]]:
    return [(answer.status, answer.fields["x-request-id"]) for answer in answers]


def _cut(data: bytes, seed: int) -> Iterator[bytes]:
    place = random.Random(seed)  # noqa: S311  # chooses lengths, and keeps no secret
    at = 0
    while at < len(data):
        size = place.choice((1, 2, 7, 100, 3000, 70_000))
        yield data[at : at + size]
        at += size


def test_a_hundred_mixed_requests_in_one_write(served: Served) -> None:
    sent, expected = _requests(100)
    assert _said(conversation(served.address, [sent + NEXT])) == [*expected, (200, "next")]


@pytest.mark.parametrize("seed", range(5))
def test_the_same_cut_at_random_places(served: Served, seed: int) -> None:
    sent, expected = _requests(100)
    assert _said(conversation(served.address, [*_cut(sent, seed), NEXT])) == [*expected, (200, "next")]


def test_a_client_that_has_sent_all_and_half_closes_gets_all_answers(served: Served) -> None:
    sent, expected = _requests(30)
    with connected(served.address) as client:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        with client.makefile("rb") as stream:
            answers = read_answers(stream)
    # Where an answer takes long an interim one comes first, to find out whether the client is still there.
    assert _said([answer for answer in answers if answer.status != 100]) == expected


def test_one_client_that_pipelines_does_not_hold_up_another(served: Served) -> None:
    with connected(served.address) as greedy, connected(served.address) as modest:
        greedy.settimeout(1)  # a client that waits longer before it sends may be closed
        with contextlib.suppress(TimeoutError):
            greedy.sendall(sized(_BODY) * 200)
        modest.sendall(NEXT)
        with modest.makefile("rb") as stream:
            answer = read_answer(stream)
        assert answer is not None
        assert answer.status == 200


def test_what_an_endless_pipeline_makes_the_server_hold_is_bounded_whether_answers_are_read_or_not(
    served: Served,
) -> None:
    process = served.process()
    held_before = process.memory_info().rss
    for reads in (True, False):
        with connected(served.address, receive_bytes=None if reads else 4096) as client:
            client.settimeout(0.01)
            flood = head(b"GET /openapi.json HTTP/1.1", HOST) * 400
            sent = 0
            for _ in range(300):
                with contextlib.suppress(TimeoutError):
                    sent += client.send(flood)
                with contextlib.suppress(TimeoutError):
                    if reads:
                        client.recv(1 << 20)
            assert sent
        assert process.memory_info().rss - held_before < 32 << 20
    served.wait_for(lambda: served.in_flight() == 0, "nothing in flight")
