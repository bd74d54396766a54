"""What surrounds the process: a log that nobody reads, descriptors, variables, accounts and folders."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from tests.doubles.troublesome_model import PRINT, make_hanging_bundle
from tests.integration.conftest import REPOSITORY
from tests.integration.served_process import ServedProcess, surroundings

PATIENCE_SECONDS = 60
WRONG_PATHS = 1500
"""So many lines, of more than 200 bytes each, are more than a pipe holds."""


@contextmanager
def serving(stderr: int | None, models: Path, **variables: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A server whose standard output and error are that descriptor, or closed, once it is ready; and its URL."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "plimsoll", "serve", "--port", str(port), "--models", str(models)]
    if stderr is None:
        command = ["sh", "-c", 'exec "$@" >&- 2>&- <&-', "sh", *command]
    process = subprocess.Popen(command, env=surroundings(variables), stdout=stderr, stderr=stderr)
    try:
        wait_until_ready(f"http://127.0.0.1:{port}")
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait(60)


def wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with suppress(httpx.HTTPError):
            if httpx.get(f"{url}/readyz").status_code == httpx.codes.OK:
                return
        time.sleep(0.02)
    raise AssertionError("the server did not become ready")


def test_a_log_that_nobody_reads_stops_nothing() -> None:
    reading, writing = os.pipe()
    with serving(writing, REPOSITORY / "models") as (process, url), httpx.Client(timeout=30) as client:
        for _ in range(WRONG_PATHS):
            assert client.post(f"{url}/v1/nothing").status_code == 404
        assert client.get(f"{url}/livez").status_code == 200
        process.terminate()
        assert process.wait(PATIENCE_SECONDS) == 0
    os.close(writing)
    os.close(reading)


def test_a_model_that_prints_into_an_unread_pipe_answers_all_the_same(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    variables = make_hanging_bundle(tmp_path / "models")
    with serving(writing, tmp_path / "models", **variables) as (process, url), httpx.Client(timeout=30) as client:
        for _ in range(100):
            row = {"features": [PRINT, 0.0]}
            assert client.post(f"{url}/v1/predict", json=row, timeout=PATIENCE_SECONDS).status_code == 200
        dropped = client.get(f"{url}/metrics").text.partition("\nplimsoll_log_lines_dropped_total ")[2].split()[0]
        assert float(dropped) > 0, "the queue holds 4 MiB, and 10 MB were printed"
        process.terminate()
        assert process.wait(PATIENCE_SECONDS) == 0
    os.close(writing)
    os.close(reading)


def test_a_server_without_standard_streams_serves(tmp_path: Path) -> None:
    del tmp_path
    with serving(None, REPOSITORY / "models") as (process, url), httpx.Client(timeout=30) as client:
        assert client.post(f"{url}/v1/predict", json={"features": [0.0] * 784}).status_code == 200
        process.terminate()
        assert process.wait(PATIENCE_SECONDS) == 0


def test_health_answers_without_a_free_descriptor(process: ServedProcess) -> None:
    process.start()
    url = process.ready()
    with httpx.Client(timeout=30) as client:
        assert client.get(f"{url}/v1/health/detailed").json()["threads"] > 0
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (3, hard))
        reply = client.get(f"{url}/v1/health/detailed")
        assert (reply.status_code, reply.json()["status"], reply.json()["threads"]) == (200, "ready", None)
        assert client.get(f"{url}/metrics").status_code == 200


def test_a_server_takes_every_descriptor_that_it_may_have(process: ServedProcess) -> None:
    process.start()
    process.ready()
    soft, hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    assert soft == hard


@pytest.mark.parametrize(
    "variables",
    [
        {"OTEL_PROPAGATORS": "tracecontext,baggage,b3"},
        {"OTEL_PROPAGATORS": "b3", "OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"},
        {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"},
        {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "many", "OTEL_PYTHON_EXCLUDED_URLS": "("},
    ],
)
def test_variables_of_opentelemetry_do_not_stop_a_server_that_does_not_trace(
    process: ServedProcess, variables: dict[str, str]
) -> None:
    process.start(**variables)
    process.ready()


def test_a_variable_that_stops_tracing_is_one_sentence(process: ServedProcess) -> None:
    process.start(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9", OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT="many")
    assert process.exit_code() == 2
    assert "error: tracing cannot be set up: OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT" in process.log()
    assert "Traceback" not in process.log()


def test_a_misspelt_variable_is_a_warning_with_the_nearest_name(process: ServedProcess) -> None:
    process.start(PLIMSOLL_MAX_BODY_BYTS="100", PLIMSOLL_PORT_8000_TCP="tcp://10.0.0.1:8000")
    process.ready()
    warnings = [line["message"] for line in process.lines() if "is not a setting" in line["message"]]
    assert warnings == [
        "PLIMSOLL_MAX_BODY_BYTS is not a setting and has no effect; did you mean PLIMSOLL_MAX_BODY_BYTES?"
    ]


def test_a_working_directory_that_is_gone_is_one_sentence(
    process: ServedProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    process.start(PYTHONPATH=str(REPOSITORY))
    assert process.exit_code() == 2
    assert process.log().startswith("error: the working directory cannot be used")
    monkeypatch.chdir(tmp_path)


def test_both_families_reach_a_server_on_every_address(process: ServedProcess) -> None:
    process.start(PLIMSOLL_HOST="::", PLIMSOLL_ALLOW_ANONYMOUS="true")
    port = process.wait_for_log(r"listening on http://\[::\]:(\d+)")[1]
    for host in ("127.0.0.1", "[::1]"):
        assert httpx.get(f"http://{host}:{port}/livez").status_code == 200
