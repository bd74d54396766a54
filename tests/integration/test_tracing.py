"""Traces, as a real OpenTelemetry Collector receives them."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.doubles.otlp import spans_in
from tests.integration.served_process import ServedProcess

TRACE = "0af7651916cd43dd8448eb211c80319c"
ROW = {"features": [0.0] * 784}
KIND_SERVER = 2
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
        return spans_in(self._spans.read_text().splitlines() if self._spans.exists() else ())


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    running = Collector(tmp_path)
    running.wait_until_it_listens()
    yield running
    running.stop()


def test_a_prediction_is_one_server_span_under_the_client_s_trace_and_what_the_line_did_is_below(
    process: ServedProcess, collector: Collector
) -> None:
    process.start(OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint, OTEL_RESOURCE_ATTRIBUTES="k8s.pod.name=pod-1")
    url = process.ready()
    reply = httpx.post(url + "/v1/predict", json=ROW, headers={"traceparent": PARENT})
    httpx.get(url + "/livez")
    httpx.get(url + "/v1/models", headers={"traceparent": PARENT})
    process.signal()
    assert process.exit_code() == 0
    spans = collector.stop()
    assert sorted(span["name"] for span in spans) == [
        "GET /v1/models", "POST /v1/predict", "batch", "forward", "queue",
    ], "probes are not traced, requests once"  # fmt: skip
    assert {span["traceId"] for span in spans} == {TRACE}
    named = {span["name"]: span for span in spans}
    server, batch = named["POST /v1/predict"], named["batch"]
    assert (server["kind"], server["parentSpanId"]) == (KIND_SERVER, "b7ad6b7169203331")
    assert reply.headers["traceresponse"] == f"00-{TRACE}-{server['spanId']}-01"
    assert named["queue"]["parentSpanId"] == batch["parentSpanId"] == server["spanId"]
    assert named["forward"]["parentSpanId"] == batch["spanId"]
    assert [link["spanId"] for link in batch["links"]] == [server["spanId"]]
    assert [link["spanId"] for link in named["queue"]["links"]] == [batch["spanId"]]
    for inner in (batch, named["queue"], named["forward"]):
        assert int(server["startTimeUnixNano"]) <= int(inner["endTimeUnixNano"]) <= int(server["endTimeUnixNano"])
    attributes = server["attributes"]
    assert attributes["http.request.method"] == "POST"
    assert attributes["http.route"] == "/v1/predict"
    assert attributes["http.response.status_code"] == "200"
    assert (attributes["plimsoll.model"], attributes["plimsoll.version"]) == ("digits", "2")
    assert (server["resource"]["service.name"], server["resource"]["k8s.pod.name"]) == ("plimsoll", "pod-1")
    lines = [line for line in process.lines() if line.get("route") == "/v1/predict"]
    assert [(line["trace_id"], line["model"]) for line in lines] == [(TRACE, "digits")]


def test_a_batch_that_many_requests_share_links_to_all_of_them(process: ServedProcess, collector: Collector) -> None:
    process.start(
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint,
        PLIMSOLL_MAX_WAIT_MS="500",
        PLIMSOLL_OBJECTIVE_MS="1000",
        PLIMSOLL_MAX_BATCH_ROWS="4",
    )
    url = process.ready()
    with ThreadPoolExecutor(4) as clients:
        list(clients.map(lambda _: httpx.post(url + "/v1/predict", json=ROW), range(4)))
    process.signal()
    assert process.exit_code() == 0
    spans = collector.stop()
    servers = {span["spanId"] for span in spans if span["kind"] == KIND_SERVER}
    linked = [link["spanId"] for span in spans if span["name"] == "batch" for link in span["links"]]
    assert len(servers) == 4
    assert sorted(linked) == sorted(servers), "each request is a member of one batch"
    assert sum(int(span["attributes"]["plimsoll.batch.requests"]) for span in spans if span["name"] == "batch") == 4


def test_requests_that_are_sent_without_waiting_are_traces_of_their_own(
    process: ServedProcess, collector: Collector
) -> None:
    process.start(OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint)
    address = httpx.URL(process.ready())
    body = json.dumps(ROW).encode()
    head = (
        "POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n"
    )
    requests = [
        (head.format(length=len(body)) + more + "\r\n").encode() + body
        for more in ("", f"traceparent: {PARENT}\r\n", "Connection: close\r\n")
    ]
    with socket.create_connection((address.host, address.port)) as connection:
        connection.sendall(b"".join(requests))
        answers = b""
        while more := connection.recv(65536):
            answers += more
    assert answers.count(b"HTTP/1.1 200 OK") == 3
    process.signal()
    assert process.exit_code() == 0
    spans = [span for span in collector.stop() if span["name"] == "POST /v1/predict"]
    assert [span["kind"] for span in spans] == [KIND_SERVER] * 3
    assert [span.get("parentSpanId", "") for span in spans] == ["", "b7ad6b7169203331", ""]
    assert spans[1]["traceId"] == TRACE
    assert len({span["traceId"] for span in spans}) == 3


def test_a_collector_that_takes_and_never_answers_delays_no_exit(process: ServedProcess) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        process.start(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert httpx.post(process.ready() + "/v1/predict", json=ROW).status_code == 200
        process.signal()
        assert process.exit_code() == 0
    assert "stopping: drained" in process.log()


def test_what_a_client_puts_into_baggage_reaches_no_log(process: ServedProcess, collector: Collector) -> None:
    process.start(OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint)
    url = process.ready()
    httpx.post(url + "/v1/predict?key=sk-1", json=ROW, headers={"baggage": "session token secret-abc" * 50})
    httpx.get(url + "/v1/models?key=sk-1", headers={"baggage": "session token secret-abc" * 50})
    process.signal()
    assert process.exit_code() == 0
    assert "secret-abc" not in process.log()
    spans = collector.stop()
    assert len(spans) == 5
    assert "sk-1" not in json.dumps(spans)


def test_the_sampler_of_the_standard_variables_decides(process: ServedProcess, collector: Collector) -> None:
    process.start(
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint,
        OTEL_TRACES_SAMPLER="parentbased_traceidratio",
        OTEL_TRACES_SAMPLER_ARG="0",
    )
    url = process.ready()
    assert httpx.post(url + "/v1/predict", json=ROW).status_code == 200
    assert httpx.post(url + "/v1/predict", json=ROW, headers={"traceparent": PARENT}).status_code == 200
    process.signal()
    assert process.exit_code() == 0
    assert {span["traceId"] for span in collector.stop()} == {TRACE}, "the client's sampled trace and no other"


def test_each_worker_sends_its_own_spans(process: ServedProcess, collector: Collector) -> None:
    process.start("--workers", "2", OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint)
    url = process.ready()
    for _ in range(10):
        assert httpx.post(url + "/v1/predict", json=ROW).status_code == 200
    process.signal()
    assert process.exit_code() == 0
    assert [span["kind"] for span in collector.stop()].count(KIND_SERVER) == 10


def test_a_collector_that_is_away_harms_nobody(process: ServedProcess) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        away = f"http://127.0.0.1:{free.getsockname()[1]}"
    process.start(OTEL_EXPORTER_OTLP_ENDPOINT=away, OTEL_EXPORTER_OTLP_TIMEOUT="1", OTEL_BSP_SCHEDULE_DELAY="50")
    url = process.ready()
    assert httpx.post(url + "/v1/predict", json=ROW).status_code == 200
    failed = 'plimsoll_spans_total{result="failed"} 4.0'
    process.wait_for(lambda: failed in httpx.get(url + "/metrics").text, "four spans that could not be sent")
    process.signal()
    assert process.exit_code() == 0
