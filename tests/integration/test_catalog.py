"""What the server says of itself: models, health, metrics, documentation."""

from __future__ import annotations

import hashlib
import re

import httpx
from plimsoll.application import Application
from plimsoll.settings import load_settings
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import MakeBundle
from tests.integration.conftest import REPOSITORY, running

ROW = {"features": [0.0] * 784}


async def test_the_models_are_listed_with_their_versions(client: httpx.AsyncClient) -> None:
    page = (await client.get("/v1/models")).json()
    assert (page["total"], page["offset"]) == (1, 0)
    digits = page["models"][0]
    assert digits["name"] == "digits"
    assert [(each["version"], each["state"]) for each in digits["versions"]] == [("1", "ready"), ("2", "ready")]


async def test_the_list_of_models_comes_in_pages(make_tiny_bundle: MakeBundle) -> None:
    for name in ("ash", "beech", "cedar"):
        folder = make_tiny_bundle(name=name).path.parents[1]
    async with running(Application(load_settings(models_dir=folder))) as client:
        pages = [(await client.get("/v1/models", params={"limit": 2, "offset": at})).json() for at in (0, 2, 4)]
    assert [[model["name"] for model in page["models"]] for page in pages] == [["ash", "beech"], ["cedar"], []]
    assert {page["total"] for page in pages} == {3}


async def test_a_version_tells_where_it_comes_from(client: httpx.AsyncClient) -> None:
    detail = (await client.get("/v1/models/digits/versions/2")).json()
    manifest = REPOSITORY / "models" / "digits" / "2" / "manifest.json"
    assert detail["digest"] == hashlib.sha256(manifest.read_bytes()).hexdigest()
    assert detail["signature"]["inputs"][0]["shape"] == [-1, 784]
    assert detail["training_data"]["licence"].startswith("MIT")
    assert detail["state"] == "ready"
    assert detail["device"] == "cpu"
    assert detail["parameters"] > 1000
    assert set(detail["batch_seconds"]) == {"1", "2", "4", "8", "16", "32", "64", "128"}


async def test_without_a_desired_state_the_highest_version_of_each_model_is_served(
    make_tiny_bundle: MakeBundle,
) -> None:
    for version in ("1", "9", "10"):
        folder = make_tiny_bundle(version=version).path.parents[1]
    async with running(Application(load_settings(models_dir=folder))) as client:
        listed = (await client.get("/v1/models")).json()["models"]
    assert [each["version"] for each in listed[0]["versions"]] == ["10"]


async def test_without_a_default_a_name_is_needed_where_two_models_are_served(make_tiny_bundle: MakeBundle) -> None:
    make_tiny_bundle(name="ash")
    folder = make_tiny_bundle(name="beech").path.parents[1]
    body = {"features": [0.0] * 4}
    async with running(Application(load_settings(models_dir=folder))) as client:
        reply = await client.post("/v1/predict", json=body)
        assert reply.status_code == 404
        assert "ash, beech" in reply.json()["error"]["expected"]
        assert (await client.post("/v1/models/ash/predict", json=body)).json()["model"] == "ash"
    async with running(Application(load_settings(models_dir=folder, default_model="beech"))) as client:
        assert (await client.post("/v1/predict", json=body)).json()["model"] == "beech"


async def test_health_is_short_and_detailed(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/health")).json() == {"status": "ready", "reasons": [], "remarks": []}
    detailed = (await client.get("/v1/health/detailed")).json()
    assert detailed["status"] == "ready"
    assert detailed["memory_bytes"] > 1 << 20
    assert detailed["requests_in_flight"] == 1, "this very request"
    assert {each["version"]: each["state"] for each in detailed["versions"]} == {"1": "ready", "2": "ready"}


async def test_metrics_count_every_end_of_a_request(client: httpx.AsyncClient) -> None:
    await client.post("/v1/models/digits/versions/1/predict", json=ROW)
    await client.post("/v1/models/digits/versions/1/predict", json={"features": []})
    await client.post("/v1/models/none/predict", json=ROW)
    text = (await client.get("/metrics")).text
    samples = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }

    def count(model: str, version: str, code: str) -> float:
        labels = {"model": model, "version": version, "code": code, "protocol": "v1"}
        return samples["plimsoll_requests_total", tuple(sorted(labels.items()))]

    assert count("digits", "1", "200") == 1
    assert count("digits", "1", "422") == 1
    assert count("_unknown", "_unknown", "404") == 1
    assert count("digits", "2", "200") == 0, "series of a loaded version start at zero"
    assert samples["plimsoll_requests_in_flight", ()] == 0
    labels = (("model", "digits"), ("protocol", "v1"), ("version", "1"))
    assert samples["plimsoll_request_duration_seconds_count", labels] == 1, "only what a model answered"
    assert re.search(r'plimsoll_model_info\{device="cpu",digest="[0-9a-f]{64}",format="safetensors"', text)


async def test_the_objective_is_an_edge_of_the_histogram(make_tiny_bundle: MakeBundle) -> None:
    folder = make_tiny_bundle().path.parents[1]
    async with running(Application(load_settings(models_dir=folder, objective_ms=37.5))) as client:
        text = (await client.get("/metrics")).text
    assert 'le="0.0375"' in text


async def test_the_documentation_is_served(client: httpx.AsyncClient) -> None:
    assert (await client.get("/docs")).status_code == 200
    document = (await client.get("/openapi.json")).json()
    assert "/v1/models/{name}/versions/{version}/predict" in document["paths"]
