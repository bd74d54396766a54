"""Traces, as a real OpenTelemetry Collector receives them."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.served_process import ServedProcess

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
pytestmark = pytest.mark.skipif(
    shutil.which("otelcol") is None,
    reason="needs `otelcol` on PATH; the OpenTelemetry Collector is released as a package: apt install ./otelcol_*.deb",
)


class Collector:
    """A collector that writes the spans it gets into a file."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.endpoint = f"http://127.0.0.1:{free.getsockname()[1]}"
        self._spans = folder / "spans.json"
        config = folder / "collector.json"
        config.write_text(
            json.dumps(
                {
                    "receivers": {"otlp": {"protocols": {"http": {"endpoint": self.endpoint.removeprefix("http://")}}}},
                    "exporters": {"file": {"path": str(self._spans), "flush_interval": "10ms"}},
                    "service": {
                        "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["file"]}},
                        "telemetry": {"metrics": {"level": "none"}},
                    },
                }
            )
        )
        self._process = subprocess.Popen(
            ["otelcol", "--config", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def wait_until_it_listens(self) -> None:
        host, port = self.endpoint.removeprefix("http://").split(":")
        while self._process.poll() is None:
            try:
                socket.create_connection((host, int(port))).close()
            except OSError:
                continue
            return
        raise AssertionError("the collector ended")

    def stop(self) -> list[dict[str, Any]]:
        """End it; every span it has got, with the resource's attributes beside."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(30)
        spans: list[dict[str, Any]] = []
        for line in self._spans.read_text().splitlines() if self._spans.exists() else ():
            for resource in json.loads(line)["resourceSpans"]:
                shared = _attributes(resource["resource"])
                spans += [
                    {**span, "attributes": _attributes(span), "resource": shared}
                    for scope in resource["scopeSpans"]
                    for span in scope["spans"]
                ]
        return spans


def _attributes(holder: dict[str, Any]) -> dict[str, Any]:
    return {each["key"]: next(iter(each["value"].values())) for each in holder.get("attributes", [])}


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    running = Collector(tmp_path)
    running.wait_until_it_listens()
    yield running
    running.stop()


def test_one_request_is_one_server_span_under_the_client_s_trace(process: ServedProcess, collector: Collector) -> None:
    process.start(OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint)
    url = process.ready()
    httpx.post(url + "/v1/predict", json={"features": [0.0] * 784}, headers={"traceparent": PARENT})
    httpx.get(url + "/livez")
    process.signal()
    assert process.exit_code() == 0
    spans = collector.stop()
    assert [span["name"] for span in spans] == ["POST /v1/predict"], "probes are not traced, requests once"
    span = spans[0]
    assert (span["traceId"], span["parentSpanId"]) == (TRACE, "b7ad6b7169203331")
    attributes = span["attributes"]
    assert attributes["http.request.method"] == "POST"
    assert attributes["http.route"] == "/v1/predict"
    assert attributes["http.response.status_code"] == "200"
    assert span["resource"]["service.name"] == "plimsoll"
    lines = [line for line in process.lines() if line.get("route") == "/v1/predict"]
    assert [line["trace_id"] for line in lines] == [TRACE]


def test_a_collector_that_is_away_harms_nobody(process: ServedProcess) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        away = f"http://127.0.0.1:{free.getsockname()[1]}"
    process.start(OTEL_EXPORTER_OTLP_ENDPOINT=away, OTEL_EXPORTER_OTLP_TIMEOUT="1")
    url = process.ready()
    assert httpx.post(url + "/v1/predict", json={"features": [0.0] * 784}).status_code == 200
    process.signal()
    assert process.exit_code() == 0
