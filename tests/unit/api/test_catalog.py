from __future__ import annotations

from dataclasses import replace

import pytest
from plimsoll.bundle.sample_request import SampleRequest
from plimsoll.control.desired_state import DesiredModel, DesiredState, DesiredVersion
from plimsoll.control.version_registry import VersionState

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
        "model": "tiny", "version": "1", "state": "ready", "reason": None, "weight": None,
        "task": "tabular-classification", "options": {},
        "description": "", "preprocessing": None, "format": "safetensors", "parameters": 67, "device": "cpu",
        "inline_rows": 16, "batch_seconds": {"1": 0.001}, "loaded_at": "2024-05-01T00:00:00Z",
        "load_seconds": 0.25, "warmup_seconds": 0.5, "licence": "unknown", "training_data": None, "metrics": {},
    }  # fmt: skip


async def test_a_failed_version_tells_its_reason_and_nothing_it_does_not_know(edge: Edge) -> None:
    edge.desire("tiny", "2")
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


async def test_a_model_is_ready_while_one_of_its_versions_answers(edge: Edge) -> None:
    edge.desire("tiny", "1")
    assert (await edge.client.get("/v1/models/tiny")).json()["ready"] is False
    edge.serve("tiny", "2", EchoModel())
    assert (await edge.client.get("/v1/models/tiny")).json()["ready"] is True


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
    edge.desire("m00", "2")
    first = (await edge.client.get("/v1/models")).json()
    assert (first["total"], first["limit"], first["offset"]) == (25, 20, 0)
    assert [each["name"] for each in first["models"]] == names[:20]
    assert first["models"][0]["versions"] == [
        {"version": "1", "state": "ready", "reason": None, "weight": None},
        {"version": "2", "state": "loading", "reason": None, "weight": None},
    ]
    rest = (await edge.client.get("/v1/models", params={"offset": 20, "limit": 3})).json()
    assert [each["name"] for each in rest["models"]] == names[20:23]
    assert (await edge.client.get("/v1/models", params={"offset": 30})).json()["models"] == []


async def test_nothing_to_list_is_an_empty_page(edge: Edge) -> None:
    assert (await edge.client.get("/v1/models")).json() == {
        "models": [], "desired_state_error": None, "remarks": [], "total": 0, "limit": 20, "offset": 0,
    }  # fmt: skip


async def test_a_desired_state_that_cannot_be_read_is_told_with_the_models(edge: Edge) -> None:
    edge.serve("tiny", "1", EchoModel())
    edge.registry.keep("the desired state x.yaml is not YAML")
    page = (await edge.client.get("/v1/models")).json()
    assert page["desired_state_error"] == "the desired state x.yaml is not YAML"
    assert [each["name"] for each in page["models"]] == ["tiny"]


async def test_the_weights_are_told_wherever_a_version_is(edge: Edge) -> None:
    edge.serve("tiny", "1", EchoModel())
    edge.serve("tiny", "2", EchoModel())
    weighed = [DesiredVersion(version=version, weight=weight) for version, weight in (("1", 90), ("2", 10))]
    edge.registry.desire(DesiredState(models=[DesiredModel(name="tiny", versions=weighed)]))
    summaries = (await edge.client.get("/v1/models")).json()["models"][0]["versions"]
    assert [each["weight"] for each in summaries] == [90, 10]
    details = (await edge.client.get("/v1/models/tiny")).json()["versions"]
    assert [each["weight"] for each in details] == [90, 10]
    assert (await edge.client.get("/v1/models/tiny/versions/2")).json()["weight"] == 10


async def test_a_version_that_could_not_be_loaded_anew_tells_what_it_is_and_why_not(edge: Edge) -> None:
    edge.serve("tiny", "1", EchoModel())
    edge.registry.advance("tiny", "1", VersionState.WARMING)
    detail = (await edge.client.get("/v1/models/tiny/versions/1")).json()
    assert (detail["state"], detail["format"]) == ("warming", "safetensors")
    edge.registry.fail("tiny", "1", "check 'digest' failed")
    detail = (await edge.client.get("/v1/models/tiny/versions/1")).json()
    assert (detail["state"], detail["reason"], detail["format"]) == ("ready", "check 'digest' failed", "safetensors")


async def test_a_version_that_drains_is_listed_and_no_longer_there_to_ask_for(edge: Edge) -> None:
    edge.serve("tiny", "1", EchoModel())
    edge.serve("tiny", "2", EchoModel())
    edge.registry.retire("tiny", "1")
    versions = (await edge.client.get("/v1/models/tiny")).json()["versions"]
    assert [(each["version"], each["state"]) for each in versions] == [("1", "draining"), ("2", "ready")]
    assert (await edge.client.get("/v1/models/tiny/versions/1")).status_code == 404


@pytest.mark.parametrize(
    ("query", "named", "reason"),
    [
        ("limit=0", "limit", "input should be greater than or equal to 1"),
        ("limit=101", "limit", "input should be less than or equal to 100"),
        ("offset=-1", "offset", "input should be greater than or equal to 0"),
        ("limit=all", "limit", "input should be a valid integer, unable to parse string as an integer"),
    ],
)
async def test_a_page_that_cannot_be_is_422_and_names_the_parameter(
    edge: Edge, query: str, named: str, reason: str
) -> None:
    reply = await edge.client.get(f"/v1/models?{query}")
    assert reply.status_code == 422
    assert reply.json()["error"]["message"] == f"parameter '{named}': {reason}"


async def test_a_version_shows_one_request_with_the_predictions_that_it_has_to_give(edge: Edge) -> None:
    sample = SampleRequest(b'{"features":[0,0,0,0]}', [{"class": "a"}])
    edge.report = replace(edge.report, sample=sample)
    edge.serve("tiny", "1", EchoModel())
    golden = (await edge.client.get("/v1/models/tiny/versions/1/golden")).json()
    assert golden == {
        "model": "tiny", "version": "1", "task": "tabular-classification",
        "body": {"features": [0, 0, 0, 0]}, "predictions": [{"class": "a"}],
        "absolute_tolerance": 0.0001, "relative_tolerance": 0.001,
    }  # fmt: skip


async def test_a_body_that_is_no_json_is_shown_as_it_stands(edge: Edge) -> None:
    edge.report = replace(edge.report, sample=SampleRequest(b"a line", None))
    edge.serve("tiny", "1", EchoModel())
    golden = (await edge.client.get("/v1/models/tiny/versions/1/golden")).json()
    assert (golden["body"], golden["predictions"]) == ("a line", None)


@pytest.mark.parametrize(
    ("path", "code"), [("1", "no_golden_request"), ("2", "no_golden_request"), ("3", "version_not_found")]
)
async def test_a_version_without_such_a_request_says_so(edge: Edge, path: str, code: str) -> None:
    edge.serve("tiny", "1", EchoModel())
    edge.desire("tiny", "2")
    reply = await edge.client.get(f"/v1/models/tiny/versions/{path}/golden")
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, code)
