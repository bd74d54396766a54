"""The whole service in one process, over HTTP, while its desired state changes."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import MakeBundle
from tests.unit.eventually import eventually
from tests.unit.services import ROW, desire, put, running, until


@pytest.fixture
def file(make_tiny_bundle: MakeBundle, tmp_path: Path) -> Path:
    """A desired state of version 1; the shelf has 1 and 2."""
    for version in ("1", "2"):
        make_tiny_bundle(version=version, seed=int(version))
    made = tmp_path / "desired.yaml"
    desire(made, '"1"')
    return made


async def states(client: httpx.AsyncClient) -> dict[str, str]:
    """State by version of the tiny model."""
    return {each["version"]: each["state"] for each in (await client.get("/v1/models/tiny")).json()["versions"]}


async def shows(client: httpx.AsyncClient, expected: dict[str, str]) -> bool:
    """Whether these and no other versions are there, in these states."""
    return await states(client) == expected


async def served_infos(client: httpx.AsyncClient) -> list[str]:
    """The lines of the info metric."""
    lines = (await client.get("/metrics")).text.splitlines()
    return [line for line in lines if line.startswith("plimsoll_model_info{")]


async def test_clients_see_a_new_version_take_over_and_no_failure(file: Path) -> None:
    async with running(file.parent, desired_state=file) as (_, client):
        seen: list[tuple[int, str]] = []
        stop = asyncio.Event()

        async def ask() -> None:
            while not stop.is_set():
                reply = await client.post("/v1/predict", json=ROW)
                seen.append((reply.status_code, reply.headers.get("x-plimsoll-version", "")))

        asking = [asyncio.create_task(ask()) for _ in range(3)]
        await until(lambda: desire(file, '"2"'), lambda: seen and seen[-1] == (200, "2"))
        stop.set()
        await asyncio.gather(*asking)
        assert set(seen) == {(200, "1"), (200, "2")}
        assert (await client.get("/readyz")).status_code == 200
        await until(lambda: None, lambda: shows(client, {"2": "ready"}))
        assert ['version="2"' in line for line in await served_infos(client)] == [True]


async def test_requests_are_split_by_weight_stick_to_their_user_and_can_be_pinned(file: Path) -> None:
    desire(file, '"1", weight: 50', '"2", weight: 50')
    async with running(file.parent, desired_state=file) as (_, client):

        async def version(**headers: str) -> str:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return (await client.post("/v1/predict", json=ROW, headers=named)).headers["x-plimsoll-version"]

        users = [f"user-{number}" for number in range(30)]
        seen = [await version(x_plimsoll_user=user) for user in users]
        assert set(seen) == {"1", "2"}
        assert [await version(x_plimsoll_user=user) for user in users] == seen
        assert {await version(x_plimsoll_version="1", x_plimsoll_user=user) for user in users} == {"1"}
        listed = (await client.get("/v1/models")).json()["models"][0]["versions"]
        assert [each["weight"] for each in listed] == [50, 50]


async def test_a_version_of_the_path_goes_before_one_of_the_header(file: Path) -> None:
    desire(file, '"1"', '"2"')
    async with running(file.parent, desired_state=file) as (_, client):
        pin = {"x-plimsoll-version": "2"}
        reply = await client.post("/v1/models/tiny/versions/1/predict", json=ROW, headers=pin)
        assert reply.headers["x-plimsoll-version"] == "1"
        unknown = await client.post("/v1/predict", json=ROW, headers={"x-plimsoll-version": "9"})
        assert (unknown.status_code, unknown.json()["error"]["expected"]) == (404, "one of: 1, 2")


async def test_a_reload_leaves_one_info_series_with_the_new_digest(file: Path, make_tiny_bundle: MakeBundle) -> None:
    async with running(file.parent, desired_state=file) as (_, client):
        shutil.rmtree(file.parent / "models" / "tiny" / "1")
        bundle = make_tiny_bundle(seed=9)

        async def is_anew() -> bool:
            digest: str = (await client.get("/v1/models/tiny/versions/1")).json()["digest"]
            return digest == bundle.digest

        await until(lambda: desire(file, '"1", generation: 1'), is_anew)
        (line,) = await served_infos(client)
        assert f'digest="{bundle.digest}"' in line
        assert line.endswith(" 1.0")


async def test_a_failed_newcomer_is_shown_in_the_models_and_the_metrics_and_the_server_stays_ready(file: Path) -> None:
    async with running(file.parent, desired_state=file) as (_, client):
        await until(lambda: desire(file, '"1"', '"7"'), lambda: shows(client, {"1": "ready", "7": "failed"}))
        assert (await client.get("/readyz")).status_code == 200
        metrics = (await client.get("/metrics")).text
        assert 'plimsoll_model_load_failures_total{check="files",model="tiny",version="7"} 1.0' in metrics
        assert (await client.post("/v1/predict", json=ROW)).headers["x-plimsoll-version"] == "1"
        failed = await client.post("/v1/models/tiny/versions/7/predict", json=ROW)
        assert (failed.status_code, failed.json()["error"]["code"]) == (503, "failed")


async def test_limits_of_a_model_go_before_those_of_the_settings(file: Path) -> None:
    put(file, 'models: [{name: tiny, versions: [{version: "1"}], limits: {queue_limit: 1}}]')
    async with running(file.parent, desired_state=file, concurrency=64) as (_, client):
        uploading: list[int] = []
        go_on = asyncio.Event()

        async def slowly() -> AsyncIterator[bytes]:
            yield b'{"features": [0.1, 0.2,'
            uploading.append(1)
            await go_on.wait()
            yield b"0.3, 0.4]}"

        json = {"Content-Type": "application/json"}
        asking = [asyncio.create_task(client.post("/v1/predict", content=slowly(), headers=json)) for _ in range(4)]
        await eventually(lambda: len(uploading) == 4)
        refused = await client.post("/v1/predict", content=slowly(), headers=json)
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "overloaded")
        assert refused.json()["error"]["expected"] == "at most 4 bodies being read"
        assert int(refused.headers["retry-after"]) >= 1
        assert (await client.get("/readyz")).status_code == 200
        go_on.set()
        ended = [(await each).status_code for each in asking]
        assert 200 in ended
        assert set(ended) <= {200, 429}, "there is room for one of them in flight"


async def test_a_desired_wait_as_long_as_the_objective_is_refused(file: Path) -> None:
    put(file, 'models: [{name: tiny, versions: [{version: "1"}], limits: {max_wait_ms: 50}}]')
    async with running(file.parent, desired_state=file, objective_ms=50) as (_, client):
        (reason,) = (await client.get("/readyz")).json()["reasons"]
        assert reason.endswith("PLIMSOLL_OBJECTIVE_MS is 50: it would be late before it runs; lower max_wait_ms")


async def test_a_pod_of_the_chart_refuses_weights_and_takes_its_track_as_a_pin(file: Path) -> None:
    desire(file, '"1", weight: 100')
    async with running(file.parent, desired_state=file, track="canary") as (_, client):
        reply = await client.get("/readyz")
        assert reply.status_code == 503
        assert "PLIMSOLL_TRACK is set" in reply.json()["reasons"][0]

        async def is_ready() -> bool:
            return (await client.get("/readyz")).is_success

        await until(lambda: desire(file, '"1"'), is_ready)
        pinned = await client.post("/v1/predict", json=ROW, headers={"x-plimsoll-version": "canary"})
        assert (pinned.status_code, pinned.headers["x-plimsoll-version"]) == (200, "1")
        other = await client.post("/v1/predict", json=ROW, headers={"x-plimsoll-version": "stable"})
        assert (other.status_code, other.json()["error"]["expected"]) == (404, "one of: 1, canary")
