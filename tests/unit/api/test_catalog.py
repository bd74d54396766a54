from __future__ import annotations

import pytest

from tests.doubles.models import EchoModel
from tests.unit.api.conftest import Edge


async def test_a_ready_version_tells_everything_that_its_manifest_and_its_loading_said(edge: Edge) -> None:
    edge.serve("tiny", "1", EchoModel(inline_rows=16))
    reply = await edge.client.get("/v1/models/tiny/versions/1")
    assert reply.status_code == 200
    detail = reply.json()
    assert len(detail.pop("digest")) == 64
    signature = detail.pop("signature")
    assert signature["inputs"][0]["shape"] == [-1, 4]
    assert signature["outputs"][0]["labels"] == ["a", "b", "c"]
    assert detail == {
        "model": "tiny", "version": "1", "state": "ready", "reason": None, "task": "classification",
        "description": "", "preprocessing": None, "format": "safetensors", "parameters": 67, "device": "cpu",
        "inline_rows": 16, "batch_seconds": {"1": 0.001}, "loaded_at": "2024-05-01T00:00:00Z",
        "load_seconds": 0.25, "warmup_seconds": 0.5, "licence": "unknown", "training_data": None, "metrics": {},
    }  # fmt: skip


async def test_a_failed_version_tells_its_reason_and_nothing_it_does_not_know(edge: Edge) -> None:
    edge.registry.announce("tiny", "2")
    edge.registry.fail("tiny", "2", "check 'digest' failed: it was changed")
    detail = (await edge.client.get("/v1/models/tiny/versions/2")).json()
    told = {name: value for name, value in detail.items() if value is not None}
    assert told == {
        "model": "tiny", "version": "2", "state": "failed", "reason": "check 'digest' failed: it was changed",
    }  # fmt: skip


async def test_a_model_has_all_its_versions_lowest_first(edge: Edge) -> None:
    for version in ("10", "9"):
        edge.serve("tiny", version, EchoModel())
    edge.serve("other", "1", EchoModel())
    model = (await edge.client.get("/v1/models/tiny")).json()
    assert model["name"] == "tiny"
    assert [each["version"] for each in model["versions"]] == ["9", "10"]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v1/models/ghost", "model_not_found"),
        ("/v1/models/ghost/versions/1", "model_not_found"),
        ("/v1/models/tiny/versions/2", "version_not_found"),
        ("/v1/models/tiny/versions/latest", "version_not_found"),
    ],
)
async def test_what_is_not_known_is_404(edge: Edge, path: str, code: str) -> None:
    edge.serve("tiny", "1", EchoModel())
    reply = await edge.client.get(path)
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, code)


async def test_models_are_listed_page_by_page_in_order(edge: Edge) -> None:
    names = [f"m{number:02}" for number in range(25)]
    for name in reversed(names):
        edge.serve(name, "1", EchoModel())
    edge.registry.announce("m00", "2")
    first = (await edge.client.get("/v1/models")).json()
    assert (first["total"], first["limit"], first["offset"]) == (25, 20, 0)
    assert [each["name"] for each in first["models"]] == names[:20]
    assert first["models"][0]["versions"] == [
        {"version": "1", "state": "ready", "reason": None},
        {"version": "2", "state": "loading", "reason": None},
    ]
    rest = (await edge.client.get("/v1/models", params={"offset": 20, "limit": 3})).json()
    assert [each["name"] for each in rest["models"]] == names[20:23]
    assert (await edge.client.get("/v1/models", params={"offset": 30})).json()["models"] == []


async def test_nothing_to_list_is_an_empty_page(edge: Edge) -> None:
    assert (await edge.client.get("/v1/models")).json() == {"models": [], "total": 0, "limit": 20, "offset": 0}


@pytest.mark.parametrize(
    ("query", "named"), [("limit=0", "limit"), ("limit=101", "limit"), ("offset=-1", "offset"), ("limit=all", "limit")]
)
async def test_a_page_that_cannot_be_is_422_and_names_the_parameter(edge: Edge, query: str, named: str) -> None:
    reply = await edge.client.get(f"/v1/models?{query}")
    assert reply.status_code == 422
    assert reply.json()["error"]["message"].startswith(f"parameter '{named}': ")
