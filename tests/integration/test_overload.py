"""What happens when more is asked than can be answered, and when a client is slow, late or gone."""

from __future__ import annotations

import json
import socket
from http.client import HTTPResponse
from typing import NamedTuple

import httpx

from tests.integration.served_process import ServedProcess

ROW = {"features": [0.0] * 784}
BODY = json.dumps(ROW).encode()


class Reply(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    content: bytes


class HalfSent:
    """A request whose body stops half-way, so that it is in flight for as long as the test wants."""

    def __init__(self, url: str, *headers: str) -> None:
        address = httpx.URL(url)
        self._socket = socket.create_connection((address.host, address.port or 0))
        lines = (
            "POST /v1/predict HTTP/1.1",
            "Host: x",
            "Content-Type: application/json",
            f"Content-Length: {len(BODY)}",
            *headers,
        )
        self._socket.sendall("\r\n".join((*lines, "", "")).encode() + BODY[:100])

    def finish(self) -> Reply:
        """Send the rest; what comes back."""
        self._socket.sendall(BODY[100:])
        return self.answer()

    def answer(self) -> Reply:
        """What comes back."""
        answer = HTTPResponse(self._socket)
        answer.begin()
        content = answer.read()
        self.leave()
        return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, content)

    def leave(self) -> None:
        """Close the connection."""
        self._socket.close()


def wait_until_in_flight(url: str, requests: int) -> None:
    while httpx.get(f"{url}/v1/health/detailed").json()["requests_in_flight"] != requests + 1:  # and this very one
        pass


def test_a_full_queue_refuses_at_once_stays_ready_and_recovers(process: ServedProcess) -> None:
    process.start(PLIMSOLL_CONCURRENCY="1", PLIMSOLL_QUEUE_LIMIT="2")
    url = process.ready()
    inside = [HalfSent(url), HalfSent(url)]
    wait_until_in_flight(url, 2)
    refused = HalfSent(url).answer()  # refused though its body never came
    assert (refused.status, refused.headers["retry-after"]) == (429, "1")
    error = json.loads(refused.content)["error"]
    assert (error["code"], error["given"]) == ("overloaded", "2 requests are in flight")
    assert httpx.get(url + "/readyz").status_code == 200, "overload does not take a pod out of its Service"
    assert all(each.finish().status == 200 for each in inside)
    assert httpx.post(url + "/v1/predict", json=ROW).status_code == 200
    metrics = httpx.get(url + "/metrics").text
    assert 'plimsoll_requests_shed_total{model="digits",reason="overloaded",version="2"} 1.0' in metrics
    assert 'plimsoll_requests_total{code="429",model="digits",protocol="v1",version="2"} 1.0' in metrics


def test_bytes_are_bounded_as_well_as_requests(process: ServedProcess) -> None:
    process.start(PLIMSOLL_QUEUE_BYTES="6000")
    url = process.ready()
    inside = HalfSent(url)
    wait_until_in_flight(url, 1)
    assert b"bytes are in flight" in HalfSent(url).answer().content
    assert inside.finish().status == 200


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
