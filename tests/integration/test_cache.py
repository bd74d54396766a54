"""The response cache, switched on."""

from __future__ import annotations

from pathlib import Path

import httpx
from plimsoll.application import Application
from plimsoll.settings import load_settings

from tests.conftest import MakeBundle
from tests.integration.conftest import running

ROW = [0.1, 0.2, 0.3, 0.4]


def lookups(metrics: str) -> dict[str, float]:
    lines = [line for line in metrics.splitlines() if line.startswith("plimsoll_cache_lookups_total")]
    return {line.split('result="')[1].split('"')[0]: float(line.split()[-1]) for line in lines}


async def test_the_same_input_is_computed_once_and_another_is_not_mistaken_for_it(make_tiny_bundle: MakeBundle) -> None:
    folder = make_tiny_bundle().path.parents[1]
    async with running(Application(load_settings(models_dir=folder, cache_bytes=1 << 20))) as client:

        async def ask(row: list[float], **headers: str) -> list[float]:
            reply = await client.post("/v1/predict", json={"features": row}, headers=headers)
            return list(reply.json()["predictions"][0]["probabilities"])

        first = await ask(ROW)
        spelt = b'{"features": [0.10, 2e-1, 0.30, 4.0e-1]}'
        again = await client.post("/v1/predict", content=spelt, headers={"Content-Type": "application/json"})
        assert again.json()["predictions"][0]["probabilities"] == first
        assert again.headers["x-plimsoll-version"] == "1"
        assert await ask(ROW[::-1]) != first
        assert await ask(ROW, **{"Cache-Control": "no-store"}) == first
        metrics = (await client.get("/metrics")).text
        assert lookups(metrics) == {"hit": 1, "miss": 2}, "no-store neither looks nor leaves anything"
        assert 'plimsoll_batch_size_count{model="tiny",version="1"} 3.0' in metrics


async def test_two_versions_never_share_an_answer(make_tiny_bundle: MakeBundle, tmp_path: Path) -> None:
    make_tiny_bundle(version="1", seed=1)
    folder = make_tiny_bundle(version="2", seed=2).path.parents[1]
    desired = tmp_path / "desired.yaml"
    desired.write_text('models: [{name: tiny, versions: [{version: "1"}, {version: "2"}]}]')
    settings = load_settings(models_dir=folder, desired_state=desired, cache_bytes=1 << 20)
    async with running(Application(settings)) as client:

        async def ask(version: str) -> httpx.Response:
            return await client.post(f"/v1/models/tiny/versions/{version}/predict", json={"features": ROW})

        answers = {version: (await ask(version)).json()["predictions"] for version in ("1", "2")}
        assert answers["1"] != answers["2"]
        assert {version: (await ask(version)).json()["predictions"] for version in ("1", "2")} == answers


async def test_the_cache_is_off_unless_asked_for(make_tiny_bundle: MakeBundle) -> None:
    folder = make_tiny_bundle().path.parents[1]
    async with running(Application(load_settings(models_dir=folder))) as client:
        for _ in range(2):
            await client.post("/v1/predict", json={"features": ROW})
        metrics = (await client.get("/metrics")).text
    assert lookups(metrics) == {}
    assert 'plimsoll_batch_size_count{model="tiny",version="1"} 2.0' in metrics
