"""`plimsoll judge serve` as the process that an operator starts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.doubles.servers import CannedServer
from tests.integration.served_process import ServedProcess

NOTHING = {"status": "success", "data": {"resultType": "vector", "result": []}}
SHOP = {"release": "shop", "namespace": "prod"}


@pytest.fixture
def process(tmp_path: Path) -> Iterator[ServedProcess]:
    serving = ServedProcess(tmp_path)
    yield serving
    serving.kill()


def test_it_answers_by_what_prometheus_says_and_stops_at_a_signal(process: ServedProcess, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("a-secret-token")
    prometheus = CannedServer(body=json.dumps(NOTHING).encode())
    with prometheus.running() as url:
        process.run("judge", "serve", "--port", "0", "--prometheus", url, "--token-file", str(token))
        judge = process.ready()
        verdict = httpx.get(f"{judge}/verdict", params=SHOP).json()
        assert verdict["result"] == "continue"
        assert verdict["reason"].startswith(f"Prometheus at {url} has no series of Plimsoll now")
        hook = httpx.post(f"{judge}/flagger/rollback", json={"name": "shop", "namespace": "prod"})
        assert (hook.status_code, hook.text[:9]) == (409, "continue:")
        assert httpx.get(f"{judge}/verdict").status_code == 400
        metrics = httpx.get(f"{judge}/metrics").text
        assert "# TYPE plimsoll_canary_verdict gauge" in metrics
        assert 'release="shop"' not in metrics  # it has never had a verdict
    refused = httpx.get(f"{judge}/verdict", params=SHOP | {"namespace": "test"}, timeout=60).json()
    assert (refused["result"], refused["reason"][:30]) == ("continue", "no answer from Prometheus at h")
    process.signal()
    assert process.exit_code() == 0
    assert prometheus.received
    assert "a-secret-token" not in process.log()
    assert "verdict on release shop in namespace prod: continue" in process.log()
