from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from plimsoll.application import Application
from plimsoll.errors import DeviceError
from plimsoll.settings import load_settings

from tests.conftest import MakeBundle
from tests.doubles.servers import CannedServer
from tests.unit.eventually import PATIENCE_SECONDS
from tests.unit.services import ROW, client_of, running


async def test_a_bundle_on_disk_becomes_an_answer_over_http(make_tiny_bundle: MakeBundle, tmp_path: Path) -> None:
    make_tiny_bundle(version="1")
    bundle = make_tiny_bundle(version="2")
    async with running(tmp_path) as (_, client):
        assert (await client.get("/readyz")).status_code == 200
        answer = (await client.post("/v1/predict", json=ROW)).json()
        assert (answer["model"], answer["version"]) == ("tiny", "2")
        assert answer["predictions"][0]["class"] in ("a", "b", "c")
        detail = (await client.get("/v1/models/tiny/versions/2")).json()
        assert detail["digest"] == bundle.digest
        assert [int(rows) for rows in detail["batch_seconds"]] == [1, 2, 4, 8, 16, 32, 64, 128]


async def test_what_is_served_and_asked_is_in_the_metrics(make_tiny_bundle: MakeBundle, tmp_path: Path) -> None:
    bundle = make_tiny_bundle()
    async with running(tmp_path, objective_ms=123) as (application, client):
        await client.post("/v1/predict", json=ROW)
        await client.post("/v1/predict", json={})
        await client.post("/v1/models/made-up/predict", json=ROW)
        text = (await client.get("/metrics")).text
    assert application.metrics_app is None
    labels = 'model="tiny",protocol="v1",version="1"'
    assert f'plimsoll_requests_total{{code="200",{labels}}} 1.0' in text
    assert f'plimsoll_requests_total{{code="422",{labels}}} 1.0' in text
    assert f'plimsoll_request_duration_seconds_bucket{{le="0.123",{labels}}}' in text
    assert f'digest="{bundle.digest}",format="safetensors",model="tiny",version="1"' in text
    assert "made-up" not in text


async def test_metrics_with_a_port_of_their_own_are_not_on_the_main_one(
    make_tiny_bundle: MakeBundle, tmp_path: Path
) -> None:
    make_tiny_bundle()
    async with running(tmp_path, metrics_port=0) as (application, client):
        assert (await client.get("/metrics")).status_code == 404
        assert application.metrics_app is not None
        async with client_of(application.metrics_app) as scraper:
            assert "plimsoll_requests_in_flight 0.0" in (await scraper.get("/metrics")).text


async def test_a_desired_state_says_which_versions_serve(make_tiny_bundle: MakeBundle, tmp_path: Path) -> None:
    for version in ("1", "2", "3"):
        make_tiny_bundle(version=version)
    file = tmp_path / "desired.yaml"
    file.write_text('models: [{name: tiny, versions: [{version: "1"}, {version: "2"}]}]')
    async with running(tmp_path, desired_state=file) as (_, client):
        listed = (await client.get("/v1/models")).json()["models"]
        assert [each["version"] for each in listed[0]["versions"]] == ["1", "2"]
        assert (await client.post("/v1/models/tiny/versions/1/predict", json=ROW)).status_code == 200


async def test_one_of_several_models_can_be_the_default(make_tiny_bundle: MakeBundle, tmp_path: Path) -> None:
    make_tiny_bundle(name="alpha")
    make_tiny_bundle(name="beta")
    async with running(tmp_path, default_model="beta") as (_, client):
        assert (await client.post("/v1/predict", json=ROW)).json()["model"] == "beta"
    async with running(tmp_path) as (_, client):
        reply = await client.post("/v1/predict", json=ROW)
        assert (reply.status_code, reply.json()["error"]["expected"]) == (404, "one of: alpha, beta")


async def test_a_body_beyond_the_limit_of_the_settings_is_refused(make_tiny_bundle: MakeBundle, tmp_path: Path) -> None:
    make_tiny_bundle()
    async with running(tmp_path, max_body_bytes=1024) as (_, client):
        reply = await client.post("/v1/predict", content=b" " * 1025, headers={"Content-Type": "application/json"})
        assert (reply.status_code, reply.json()["error"]["expected"]) == (413, "at most 1024 bytes")


async def test_a_tampered_bundle_leaves_the_server_up_unready_and_telling_why(
    make_tiny_bundle: MakeBundle, tmp_path: Path
) -> None:
    bundle = make_tiny_bundle()
    (bundle.path / "weights.safetensors").write_bytes(b"tampered")
    async with running(tmp_path) as (_, client):
        assert (await client.get("/livez")).status_code == 200
        reply = await client.get("/readyz")
        assert reply.status_code == 503
        assert "weights.safetensors was changed after the bundle was made" in reply.json()["reasons"][0]
        assert (await client.post("/v1/predict", json=ROW)).status_code == 503


async def test_a_request_in_flight_is_finished_while_the_server_stops(
    make_tiny_bundle: MakeBundle, tmp_path: Path
) -> None:
    make_tiny_bundle()
    uploading, go_on = asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b'{"features": [0.1, 0.2,'
        uploading.set()
        await go_on.wait()
        yield b"0.3, 0.4]}"

    async with running(tmp_path) as (application, client):
        json = {"Content-Type": "application/json"}
        asking = asyncio.create_task(client.post("/v1/predict", content=slowly(), headers=json))
        await asyncio.wait_for(uploading.wait(), PATIENCE_SECONDS)
        stopping = asyncio.create_task(application.lifecycle.stop())
        await asyncio.sleep(0.01)
        assert (await client.post("/v1/predict", json=ROW)).json()["error"]["code"] == "draining"
        assert (await client.get("/readyz")).status_code == 503
        assert not stopping.done()
        go_on.set()
        reply = await asking
        await stopping
    assert reply.status_code == 200
    assert reply.headers["connection"] == "close"


async def test_a_device_that_is_not_there_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="'cuda:99' was asked for"):
        Application(load_settings(models_dir=tmp_path, device="cuda:99"))


async def test_with_an_endpoint_requests_are_traced_and_the_last_spans_are_sent_at_the_end(
    make_tiny_bundle: MakeBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_tiny_bundle()
    collector = CannedServer(body=b"")
    with collector.running() as url:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        async with running(tmp_path) as (_, client):
            await client.post("/v1/models/tiny/predict", json=ROW)
            await client.get("/readyz")
    assert [path for path, _ in collector.received] == ["/v1/traces"]


async def test_two_applications_in_one_process_share_nothing(make_tiny_bundle: MakeBundle, tmp_path: Path) -> None:
    make_tiny_bundle()
    async with running(tmp_path) as (first, asked), running(tmp_path) as (second, idle):
        assert isinstance(first.app, FastAPI)
        assert first.app is not second.app
        await asked.post("/v1/predict", json=ROW)
        assert 'code="200",model="tiny",protocol="v1",version="1"} 0.0' in (await idle.get("/metrics")).text
