"""What happens when more is asked than can be answered, and when a client is slow, late or gone."""

from __future__ import annotations

import json
import socket

import httpx
import pytest

from tests.doubles.half_sent_requests import BODY, ROW, HalfSent, Reply, wait_until_in_flight
from tests.integration.served_process import ServedProcess


def whole(url: str) -> Reply:
    """The answer to a request that is sent at once."""
    return HalfSent(url, sent=len(BODY)).answer()


def test_too_many_slow_bodies_are_refused_at_once_and_keep_nobody_else_out(process: ServedProcess) -> None:
    process.start(PLIMSOLL_MAX_READING="2")
    url = process.ready()
    inside = [HalfSent(url), HalfSent(url)]
    wait_until_in_flight(url, 2)
    refused = HalfSent(url).answer()  # refused though its body never came
    assert (refused.status, refused.headers["retry-after"]) == (429, "1")
    error = json.loads(refused.content)["error"]
    assert (error["code"], error["given"]) == ("overloaded", "2 bodies are being read")
    assert httpx.get(url + "/readyz").status_code == 200, "overload does not take a pod out of its Service"
    assert whole(url).status == 200
    assert all(each.finish().status == 200 for each in inside)
    metrics = httpx.get(url + "/metrics").text
    assert 'plimsoll_requests_shed_total{model="digits",reason="overloaded",version="2"} 1.0' in metrics
    assert 'plimsoll_requests_total{code="429",model="digits",protocol="v1",version="2"} 1.0' in metrics


@pytest.mark.parametrize("framing", ["Content-Length: 1", "Content-Length: 8388608", "Transfer-Encoding: chunked"])
def test_as_many_silent_clients_as_the_queue_has_places_shut_nobody_out(process: ServedProcess, framing: str) -> None:
    process.start()
    url = process.ready()
    address = httpx.URL(url)
    silent = [socket.create_connection((address.host, address.port or 0)) for _ in range(128)]
    for each in silent:
        head = f"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{framing}\r\n\r\n"
        each.sendall(head.encode())
    wait_until_in_flight(url, 128)
    assert [httpx.post(url + "/v1/predict", json=ROW).status_code for _ in range(20)] == [200] * 20
    for each in silent:
        each.close()
    wait_until_in_flight(url, 0)


def test_a_body_that_does_not_go_on_is_408_and_its_connection_is_closed(process: ServedProcess) -> None:
    process.start(PLIMSOLL_BODY_PROGRESS_SECONDS="0.1")
    slow = HalfSent(process.ready()).answer()
    assert (slow.status, json.loads(slow.content)["error"]["code"]) == (408, "body_too_slow")
    assert slow.headers["connection"] == "close"


@pytest.mark.parametrize("length", [(8 << 20) + 1, 100_000_000])
def test_a_client_that_waits_for_100_with_a_body_too_long_gets_413_at_once(process: ServedProcess, length: int) -> None:
    process.start()
    address = httpx.URL(process.ready())
    with socket.create_connection((address.host, address.port or 0)) as connection:
        head = ("POST /v1/predict HTTP/1.1", "Host: localhost", "Content-Type: application/json")
        lines = (*head, "Expect: 100-continue", f"Content-Length: {length}", "", "")
        connection.sendall("\r\n".join(lines).encode())
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 413 ")


def test_the_bytes_that_have_come_are_bounded_and_what_is_declared_is_not(process: ServedProcess) -> None:
    process.start(PLIMSOLL_QUEUE_BYTES="6000")
    url = process.ready()
    inside = [HalfSent(url, sent=3000), HalfSent(url, sent=1000)]
    wait_until_in_flight(url, 2)
    assert b"bytes are in flight" in HalfSent(url, sent=3000).answer().content
    assert [each.finish().status for each in inside[:1]] == [200]
    assert inside[1].finish().status == 200


def test_a_body_that_does_not_come_in_time_is_504(process: ServedProcess) -> None:
    process.start()
    url = process.ready()
    late = HalfSent(url, "X-Request-Timeout-Ms: 50").answer()
    assert (late.status, json.loads(late.content)["error"]["code"]) == (504, "deadline_exceeded")


def test_a_client_that_leaves_frees_its_place(process: ServedProcess) -> None:
    process.start(PLIMSOLL_CONCURRENCY="1", PLIMSOLL_QUEUE_LIMIT="1")
    url = process.ready()
    leaving = HalfSent(url)
    wait_until_in_flight(url, 1)
    leaving.leave()
    wait_until_in_flight(url, 0)
    assert httpx.post(url + "/v1/predict", json=ROW).status_code == 200
    assert 'code="499"' in httpx.get(url + "/metrics").text


def test_a_timeout_that_is_no_time_is_told_so(process: ServedProcess) -> None:
    process.start()
    url = process.ready()
    for wrong in ("-5", "0", "soon", "1.5", ""):
        reply = httpx.post(url + "/v1/predict", json=ROW, headers={"X-Request-Timeout-Ms": wrong})
        assert (reply.status_code, reply.json()["error"]["expected"]) == (422, "a whole number of milliseconds above 0")
