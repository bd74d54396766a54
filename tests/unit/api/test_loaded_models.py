"""Tests the part of the OpenAPI document that describes loaded versions and the default model."""

from __future__ import annotations

import json
from typing import Any

from plimsoll.api.loaded_models import describe_loaded
from plimsoll.tasks.tensors import TensorTask

from tests.doubles.counting_encoder import CountingEncoder, embeddings_of
from tests.doubles.models import EchoModel, flat_signature
from tests.unit.api.conftest import Edge


def described(edge: Edge, default: str | None = None) -> dict[str, Any]:
    """The document of what is loaded, as if nothing but the models had been described yet."""
    document: dict[str, Any] = json.loads(edge.document.rendered(with_models=False))
    describe_loaded(document, edge.registry.answering(), default)
    return document


def predict(document: dict[str, Any], path: str) -> dict[str, Any]:
    return dict(document["paths"][path]["post"])


async def test_nothing_that_answers_changes_no_route(edge: Edge) -> None:
    before = json.loads(edge.document.rendered(with_models=False))
    assert set(described(edge)["paths"]) == set(before["paths"])
    assert described(edge)["tags"] == before["tags"]


async def test_the_default_model_is_shown_where_no_model_is_named(edge: Edge) -> None:
    edge.serve("narrow", "1", EchoModel(flat_signature(2)))
    edge.serve("wide", "1", EchoModel(flat_signature(5)))
    assert "$ref" not in predict(described(edge), "/v1/predict")["requestBody"]
    body = predict(described(edge, "wide"), "/v1/predict")["requestBody"]
    assert body == {"$ref": "#/components/requestBodies/wide.1"}


async def test_the_routes_of_tensors_show_a_request_that_is_answered(edge: Edge) -> None:
    for name, datatype in (("a", "FP32"), ("halves", "BF16")):
        edge.serve(name, "1", EchoModel(flat_signature(2, datatype)), task=TensorTask)  # type: ignore[arg-type]
    for template in ("/v2/models/{name}/infer", "/v2/models/{name}/versions/{version}/infer"):
        operation = predict(described(edge, "a"), template)
        named = {each["name"]: each["example"] for each in operation["parameters"] if each["in"] == "path"}
        (example,) = operation["requestBody"]["content"]["application/json"]["examples"].values()
        reply = await edge.client.post(template.format(**named), json=example["value"])
        assert (reply.status_code, reply.json()["model_name"]) == (200, "a")
    # BF16 has no form in JSON.
    shown = predict(described(edge, "halves"), "/v2/models/{name}/infer")
    assert shown["requestBody"]["content"]["application/json"]["examples"] == {}


async def test_the_parameters_in_paths_name_a_version_that_is_there(edge: Edge) -> None:
    edge.serve("echo", "7", EchoModel())
    operation = predict(described(edge), "/v1/models/{name}/versions/{version}/predict")
    named = {each["name"]: each["example"] for each in operation["parameters"] if each["in"] == "path"}
    assert named == {"name": "echo", "version": "7"}


async def test_models_have_tags_of_their_own_before_the_general_one(edge: Edge) -> None:
    edge.serve("a", "1", EchoModel())
    edge.serve("b", "1", EchoModel())
    names = [tag["name"] for tag in described(edge)["tags"]]
    at = names.index("predict")
    assert names[at - 2 : at] == ["model a", "model b"]
    assert predict(described(edge), "/v1/models/a/versions/1/predict")["tags"] == ["model a"]


async def test_the_answer_of_a_version_names_it_and_its_labels(edge: Edge) -> None:
    edge.serve("echo", "1", EchoModel(flat_signature(3)))
    answer = described(edge)["components"]["schemas"]["echo.1"]["properties"]
    assert (answer["model"], answer["version"]) == ({"const": "echo"}, {"const": "1"})
    assert answer["predictions"]["items"]["properties"]["class"]["enum"] == ["a", "b", "c"]


async def test_the_route_of_embeddings_shows_a_request_that_is_answered(edge: Edge) -> None:
    edge.serve("words", "1", CountingEncoder(), task=embeddings_of)
    document = described(edge)
    (name,) = document["paths"]["/openai/v1/models/{name}"]["get"]["parameters"]
    assert (await edge.client.get(f"/openai/v1/models/{name['example']}")).status_code == 200
    content = predict(document, "/openai/v1/embeddings")["requestBody"]["content"]["application/json"]
    assert len(content["examples"]) == 2
    for example in content["examples"].values():
        reply = await edge.client.post("/openai/v1/embeddings", json=example["value"])
        assert (reply.status_code, reply.json()["model"]) == (200, "words:1")


async def test_without_such_a_model_the_route_of_embeddings_shows_no_request(edge: Edge) -> None:
    edge.serve("echo", "1", EchoModel())
    document = described(edge)
    (name,) = document["paths"]["/openai/v1/models/{name}"]["get"]["parameters"]
    assert "example" not in name
    assert predict(document, "/openai/v1/embeddings")["requestBody"]["content"]["application/json"]["examples"] == {}
