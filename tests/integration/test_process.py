"""`plimsoll serve` as a process: how it starts, what it says, how it stops."""

from __future__ import annotations

import collections
import json
import shutil
import signal
import socket
import threading
from pathlib import Path

import httpx
import pytest

from tests.integration.conftest import REPOSITORY
from tests.integration.served_process import ServedProcess

ROW = {"features": [0.0] * 784}


def head(length: int) -> bytes:
    """The head of a predict request, for tests that send its body bit by bit."""
    lines = (
        "POST /v1/predict HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/json",
        f"Content-Length: {length}",
    )
    return "\r\n".join((*lines, "", "")).encode()


def test_it_becomes_ready_answers_and_stops(process: ServedProcess) -> None:
    process.start()
    url = process.ready()
    assert httpx.post(url + "/v1/predict", json=ROW).json()["version"] == "2"
    process.signal()
    assert process.exit_code() == 0
    steps = [line["message"].split(",")[0] for line in process.lines() if line["message"].startswith("stopping")]
    assert [step.split()[1] for step in steps] == ["unready", "refusing", "drained"]


def test_log_lines_carry_the_request_id(process: ServedProcess) -> None:
    process.start()
    url = process.ready()
    reply = httpx.post(url + "/v1/predict", json=ROW, headers={"X-Request-Id": "a-client.1"})
    assert reply.headers["x-request-id"] == "a-client.1"
    process.wait_for_log(r"a-client\.1")
    line = next(line for line in process.lines() if line.get("request_id") == "a-client.1")
    assert (line["route"], line["status"], line["model"], line["version"]) == ("/v1/predict", 200, "digits", "2")
    assert line["duration_ms"] > 0


def test_while_it_leaves_it_answers_and_closes_connections(process: ServedProcess) -> None:
    process.start(PLIMSOLL_STOP_WAIT_SECONDS="3")
    url = process.ready()
    with httpx.Client(timeout=30) as client:
        assert "connection" not in client.post(url + "/v1/predict", json=ROW).headers
        process.signal()
        process.wait_for_log("stopping: unready")
        ready = client.get(url + "/readyz")
        assert (ready.status_code, ready.json()["status"]) == (503, "draining")
        reply = client.post(url + "/v1/predict", json=ROW)
        assert (reply.status_code, reply.headers["connection"]) == (200, "close")
    assert process.exit_code() == 0


def test_a_request_in_flight_is_answered_before_it_ends(process: ServedProcess) -> None:
    process.start()
    url = httpx.URL(process.ready())
    body = json.dumps(ROW).encode()
    with socket.create_connection((url.host, url.port or 0)) as connection:
        connection.sendall(head(len(body)) + body[:100])
        while httpx.get(f"{url}/v1/health/detailed").json()["requests_in_flight"] < 2:
            pass
        process.signal()
        process.wait_for_log("refusing new requests, 1 in flight")
        connection.sendall(body[100:])
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200 OK")
    assert process.exit_code() == 0


def test_a_client_that_never_finishes_is_cut_off(process: ServedProcess) -> None:
    process.start(PLIMSOLL_STOP_DRAIN_SECONDS="0.2")
    url = httpx.URL(process.ready())
    with socket.create_connection((url.host, url.port or 0)) as connection:
        connection.sendall(head(9))
        while httpx.get(f"{url}/v1/health/detailed").json()["requests_in_flight"] < 2:
            pass
        process.signal()
        process.wait_for_log("cutting off 1 requests")
        assert process.exit_code() == 0


def test_a_second_signal_leaves_at_once(process: ServedProcess) -> None:
    process.start(PLIMSOLL_STOP_WAIT_SECONDS="600")
    process.ready()
    process.signal(signal.SIGINT)
    process.wait_for_log("stopping: unready")
    process.signal(signal.SIGINT)
    assert process.exit_code() == 0


def test_a_signal_while_loading_ends_it(process: ServedProcess) -> None:
    process.start()
    assert process.url
    process.signal()
    assert process.exit_code() == 0


def test_metrics_have_a_port_of_their_own_where_one_is_set(process: ServedProcess) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process.start(PLIMSOLL_METRICS_PORT=str(port))
    url = process.ready()
    assert httpx.get(url + "/metrics").status_code == 404
    httpx.post(url + "/v1/predict", json=ROW)
    text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    assert 'plimsoll_requests_total{code="200",model="digits",protocol="v1",version="2"} 1.0' in text
    assert "process_resident_memory_bytes" in text
    assert httpx.get(f"http://127.0.0.1:{port}/v1/predict").status_code == 404


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("PLIMSOLL_METRICS_PORT", "tcp://10.0.0.1:8001", "enableServiceLinks: false"),
        ("PLIMSOLL_METRICS_PORT", "http", "unable to parse string as an integer (given: 'http')"),
        ("PLIMSOLL_DEVICE", "cuda:99", "CUDA devices; use auto or cpu"),
        ("PLIMSOLL_OBJECTIVE_MS", "0", "PLIMSOLL_OBJECTIVE_MS: Input should be greater than 0 (given: '0')"),
    ],
)
def test_a_wrong_setting_is_one_sentence(process: ServedProcess, variable: str, value: str, told: str) -> None:
    process.start(**{variable: value})
    assert process.exit_code() == 2
    assert process.log().startswith("error: ")
    assert told in process.log()
    assert "Traceback" not in process.log()


def test_a_taken_port_is_one_sentence(process: ServedProcess) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process.start(PLIMSOLL_METRICS_PORT=str(port))
        assert process.exit_code() == 2
    assert f"cannot listen on 127.0.0.1 port {port}" in process.log()
    assert "PLIMSOLL_METRICS_PORT" in process.log()


def test_a_tampered_bundle_stays_unready_and_the_log_says_why(tmp_path: Path) -> None:
    shutil.copytree(REPOSITORY / "models", tmp_path / "models")
    with (tmp_path / "models" / "digits" / "2" / "weights.safetensors").open("r+b") as weights:
        weights.seek(-1, 2)
        weights.write(b"\x55")
    process = ServedProcess(models=tmp_path / "models")
    try:
        process.start()
        process.wait_for_log("digits version 2 is not served: check 'digest' failed")
        assert httpx.get(process.url + "/readyz").status_code == 503
    finally:
        process.kill()


def test_workers_are_replaced_under_load_without_a_failed_request(process: ServedProcess) -> None:
    process.start("--workers", "2", PLIMSOLL_STOP_WAIT_SECONDS="1")
    url = process.url
    process.wait_until_workers_listen(2)
    seen: collections.Counter[int | str] = collections.Counter()
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            seen[httpx.post(url + "/v1/predict", json=ROW, timeout=60).status_code] += 1

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        process.signal(signal.SIGHUP)
        process.wait_for_log(r"(?s)(is ready on cpu.*){4}")
        process.wait_for_log(r"(?s)(stopping: drained.*){2}")
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
    assert seen.keys() == {200}, seen


def test_workers_share_connections_that_come_together(process: ServedProcess) -> None:
    process.start("--workers", "2")
    process.wait_until_workers_listen(2)
    assert min(process.shares_of_workers(40)) >= 10


def test_workers_report_the_slowest_of_them(process: ServedProcess, tmp_path: Path) -> None:
    desired = tmp_path / "desired.yaml"
    desired.write_text('models: [{name: digits, versions: [{version: "1"}]}]')
    process.start("--workers", "2", PLIMSOLL_DESIRED_STATE=str(desired))
    url = process.url
    process.wait_for_log(r"(?s)(version 1 is ready.*){2}")
    desired.write_text('models: [{name: digits, versions: [{version: "1"}, {version: "2"}]}]')
    while (reply := httpx.get(url + "/v1/models/digits/versions/2")).json().get("state") != "ready":
        assert reply.status_code in (200, 404)
    process.wait_for_log(r"(?s)(version 2 is ready.*){2}")  # in both; the log is written a moment later
    for _ in range(20):
        assert httpx.post(url + "/v1/models/digits/versions/2/predict", json=ROW).status_code == 200


def test_workers_count_together_and_stop_together(process: ServedProcess) -> None:
    process.start("--workers", "2")
    url = process.url
    process.wait_until_workers_listen(2)
    threads = [
        threading.Thread(target=lambda: [httpx.post(url + "/v1/predict", json=ROW) for _ in range(20)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    counted = 'plimsoll_requests_total{code="200",model="digits",protocol="v1",version="2"} 80.0'
    text = process.wait_for(  # what another worker has seen last is counted a moment later
        lambda: text if counted in (text := httpx.get(url + "/metrics").text) else None, "80 counted requests"
    )
    assert "plimsoll_requests_in_flight 0.0" in text
    process.signal()
    assert process.exit_code() == 0
    drained = [line for line in process.lines() if line["message"].startswith("stopping: drained")]
    assert len(drained) == 2
