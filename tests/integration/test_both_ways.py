"""The same requests by the short way and by ASGI: the same answers, metrics and log lines, but for times and ids."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.conftest import MakeBundle
from tests.unit.eventually import eventually
from tests.unit.server.wire import Wire
from tests.unit.services import running

ROW = b'{"features": [0.1, 0.2, 0.3, 0.4]}'
ROWS = b'{"instances": [[0.1, 0.2, 0.3, 0.4], [0, 1, 0, 1]]}'
TENSORS = b'{"inputs": [{"name": "input", "datatype": "FP32", "shape": [1, 4], "data": [0, 1, 0, 1]}]}'
JSON, CSV = b"Content-Type: application/json", b"Content-Type: text/csv"
V1, V2 = b"/v1/predict", b"/v2/models/tiny/infer"
REQUESTS = [
    (V1, ROW, (JSON,)),
    (V1, ROWS, (JSON, b"X-Request-Id: mine", b"Origin: http://localhost")),
    (V1, b"0,1,0,1\n", (CSV,)),
    (V1, ROW, (JSON, b"Accept: text/csv")),
    (b"/v1/models/tiny/predict?key=secret", ROW, (JSON, b"X-Plimsoll-User: ada")),
    (b"/v1/models/tiny/versions/1/predict", ROW, (JSON,)),
    (b"/v1/models/tiny:predict", ROWS, (JSON,)),
    (V2, TENSORS, (JSON,)),
    (V1, b'{"features": [1]}', (JSON,)),
    (V1, b"{", (JSON,)),
    (V1, ROW, (b"Content-Type: text/plain",)),
    (V1, ROW, (JSON, b"X-Request-Timeout-Ms: soon")),
    (V1, ROW, (JSON, b"X-Plimsoll-Version: 9")),
    (V1, ROW, (JSON, b"Origin: http://evil.example")),
    (b"/v1/models/other/predict", ROW, (JSON,)),
    (V2, b"{}", (JSON,)),
]
_OWN_TO_EACH = re.compile(
    rb"(?m)^(date|x-request-id|content-length): .*\r\n|\"latency_ms\":[0-9.]+|\"request_id\":\"[0-9a-f]{32}\""
)
_TIMES = re.compile(r"_seconds(_sum|_bucket|_total|\{| )|_created|^process_|^python_|_bytes|_cpu|^#")
_FACTS = ("method", "route", "status", "peer", "model", "version", "key", "levelname", "name")


class Seen(NamedTuple):
    """What came of the requests, without times and ids."""

    answers: list[bytes]
    metrics: list[str]
    lines: list[dict[str, Any]]


@pytest.mark.parametrize("stopping", [False, True])
async def test_both_ways_are_the_same(
    tmp_path: Path, make_tiny_bundle: MakeBundle, caplog: pytest.LogCaptureFixture, stopping: bool
) -> None:
    make_tiny_bundle()
    by_asgi = await _seen(tmp_path, caplog, short_way=False, stopping=stopping)
    shortly = await _seen(tmp_path, caplog, short_way=True, stopping=stopping)
    assert shortly.answers == by_asgi.answers
    assert shortly.metrics == by_asgi.metrics
    assert shortly.lines == by_asgi.lines
    assert any("plimsoll_requests_total" in line for line in shortly.metrics)
    assert [line["status"] for line in shortly.lines].count(200) == (0 if stopping else 8)


async def _seen(folder: Path, caplog: pytest.LogCaptureFixture, *, short_way: bool, stopping: bool) -> Seen:
    caplog.clear()
    answers = []
    options = {"inline_budget_ms": 1000.0, "access_log_per_second": 1000, "default_model": "tiny"}
    async with running(folder, short_way=short_way, **options) as (application, client):
        if stopping:
            application.rpc.state.refuse()  # type: ignore[attr-defined]  # as the lifecycle does
        with caplog.at_level(logging.INFO, "plimsoll"):
            for path, body, fields in REQUESTS:
                wire = Wire(application.asgi, short_way=application.short_way)
                head = [b"POST %b HTTP/1.1" % path, b"Host: localhost", *fields, b"Content-Length: %d" % len(body)]
                await wire.send(b"\r\n".join([*head, b"", body]))
                await eventually(lambda wire=wire: wire.statuses)  # type: ignore[misc]
                await wire.settle()
                answers.append(_OWN_TO_EACH.sub(b"", wire.client.said))
        metrics = (await client.get("/metrics")).text.splitlines()
    lines = [
        {"message": re.sub(r"[0-9.]+ ms", "", record.getMessage())}
        | {name: record.__dict__.get(name) for name in _FACTS}
        | {"fields": sorted(set(record.__dict__) - {"taskName"})}
        for record in caplog.records
        if record.name == "plimsoll.access"
    ]
    return Seen(answers, [line for line in metrics if not _TIMES.search(line)], json.loads(json.dumps(lines)))
