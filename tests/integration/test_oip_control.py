"""The routes of the Open Inference Protocol except inference, over a real process and asked as by clients of Triton."""

from __future__ import annotations

import http.client
import json
import signal
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.served_process import ServedProcess

PIXELS = 784
TENSOR = {"name": "input", "datatype": "FP32", "shape": [1, PIXELS], "data": [0.0] * PIXELS}
LOAD, UNLOAD = "/v2/repository/models/digits/load", "/v2/repository/models/digits/unload"


def send(url: str, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> tuple[int, Any]:
    """Send a request with no header that is not given, as tritonclient does; status and document of the answer."""
    address = httpx.URL(url)
    assert address.port is not None
    connection = http.client.HTTPConnection(address.host, address.port, timeout=60)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        reply = connection.getresponse()
        return reply.status, json.loads(reply.read())
    finally:
        connection.close()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_model_is_loaded_described_asked_counted_and_unloaded(
    process: ServedProcess, tmp_path: Path, workers: int
) -> None:
    file = tmp_path / "desired.yaml"
    file.write_text('models: [{name: digits, versions: [{version: "1"}]}]')
    with socket.create_server(("127.0.0.1", 0)) as free:  # several workers need the number of the port
        port = free.getsockname()[1]
    process.start(
        PLIMSOLL_DESIRED_STATE=str(file), PLIMSOLL_WORKERS=str(workers), PLIMSOLL_ADMIN_PORT=str(port)
    )  # fmt: skip
    url, admin = process.ready(), f"http://127.0.0.1:{port}"
    refused = send(url, LOAD, "POST", b"{}")
    assert refused[0] == 404
    assert "admin port" in refused[1]["error"]

    status, loaded = send(admin, LOAD, "POST", b"{}")
    assert (status, loaded) == (200, {"name": "digits", "version": "2", "state": "READY", "reason": ""})
    for _ in range(8):  # of whichever worker
        assert send(url, "/v2/models/digits/versions/2/ready") == (200, {"name": "digits", "ready": True})
    status, described = send(url, "/v2/models/digits")
    assert (status, described["versions"], described["properties"]["version"]) == (200, ["1", "2"], "2")
    (given,) = described["inputs"]
    assert (given["datatype"], given["shape"]) == ("FP32", [-1, PIXELS])
    question = json.dumps({"inputs": [{**TENSOR, "name": given["name"]}]}).encode()
    for _ in range(4):
        status, answer = send(url, "/v2/models/digits/infer", "POST", question)
        assert (status, answer["model_version"]) == (200, "2")

    def counted() -> bool:
        (stats,) = send(url, "/v2/models/digits/versions/2/stats")[1]["model_stats"]
        return [stats["inference_count"], stats["inference_stats"]["success"]["count"]] == [4, 4]

    process.wait_for(counted, "four requests in the statistics of all workers")
    status, listed = send(url, "/v2/repository/index", "POST", b"", Content_Type="application/octet-stream")
    assert (status, [each["state"] for each in listed]) == (200, ["READY", "READY"])

    status, _ = send(admin, UNLOAD, "POST", b'{"parameters":{"unload_dependents":false}}')
    assert status == 200
    process.wait_for(
        lambda: [send(url, "/v2/models/digits/ready")[0] for _ in range(8)] == [404] * 8, "404 of every worker"
    )


def test_a_server_that_drains_is_live_and_not_ready(process: ServedProcess) -> None:
    process.start(PLIMSOLL_STOP_WAIT_SECONDS="5")
    url = process.ready()
    assert send(url, "/v2/health/ready") == (200, {"ready": True, "live": True})
    process.signal(signal.SIGTERM)
    process.wait_for_log("stopping: unready")
    status, document = send(url, "/v2/health/ready")
    assert (status, document) == (503, {"error": "this server is not ready: the server was told to stop"})
    assert send(url, "/v2/health/live") == (200, {"live": True})
