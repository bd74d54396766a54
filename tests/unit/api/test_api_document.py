"""The document shows what is loaded, as it is, and only to those who may ask it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from plimsoll.access.keys import KeyEntry, KeyRing, new_key
from plimsoll.api.loaded_models import describe_loaded
from plimsoll.inference.payloads import Signature, TensorSpec

from tests.doubles.models import EchoModel, flat_signature
from tests.unit.api.conftest import Edge

TENSORS = Signature(
    inputs=(TensorSpec("image", "FP32", (-1, 2, 2)),), outputs=(TensorSpec("mask", "FP32", (-1, 2, 2)),)
)
KEYED = [
    "/v1/predict",
    "/v1/models",
    "/v1/models/{name}",
    "/v1/health/detailed",
    "/v1/models/echo/predict",
    "/v2",
    "/v2/models",
]
OPEN = ["/", "/livez", "/readyz", "/v1/health", "/v2/health/live", "/v2/health/ready"]


def of(edge: Edge, **how: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(edge.document.rendered(**how))
    return document


def found(document: dict[str, Any], node: dict[str, Any]) -> Any:
    """What a node refers to."""
    for part in node["$ref"].removeprefix("#/").split("/"):
        document = document[part]
    return document


def operation_of(document: dict[str, Any], path: str) -> dict[str, Any]:
    (operation,) = document["paths"][path].values()
    assert isinstance(operation, dict)
    return operation


async def test_each_model_and_version_has_a_route_with_its_own_row(edge: Edge) -> None:
    edge.serve("echo", "1", EchoModel(flat_signature(2, minimum=0)))
    edge.serve("echo", "2", EchoModel(flat_signature(2, minimum=0)))
    edge.serve("wide", "1", EchoModel(flat_signature(5)))
    document = of(edge)
    routes = {path: operation for path in document["paths"] if "/predict" in path and "{" not in path
              for operation in [operation_of(document, path)]}  # fmt: skip
    assert sorted(routes) == [
        "/v1/models/echo/predict", "/v1/models/echo/versions/1/predict", "/v1/models/echo/versions/2/predict",
        "/v1/models/wide/predict", "/v1/models/wide/versions/1/predict", "/v1/predict",
    ]  # fmt: skip
    for path, width in (("/v1/models/echo/versions/1/predict", 2), ("/v1/models/wide/predict", 5)):
        body = found(document, routes[path]["requestBody"])["content"]["application/json"]
        row = body["schema"]["oneOf"][0]["properties"]["features"]
        assert (row["minItems"], row["maxItems"]) == (width, width)
        assert "path" not in [each["in"] for each in routes[path]["parameters"]]
    answer = routes["/v1/models/echo/versions/2/predict"]["responses"]["200"]["content"]["application/json"]["schema"]
    own = found(document, answer["allOf"][1])["properties"]
    assert (own["version"], own["predictions"]["items"]["properties"]["class"]["enum"]) == ({"const": "2"}, ["a", "b"])
    assert len({each["operationId"] for path in document["paths"].values() for each in path.values()}) == sum(
        map(len, document["paths"].values())
    )


@pytest.mark.parametrize(
    ("loaded", "asked"),
    [
        ([("echo", "1", 2)], {"/v1/predict", "{name}", "{version}", "/v1/models/echo/predict", "echo/versions/1"}),
        ([("a", "1", 2), ("b", "1", 3)], {"{name}", "{version}", "/v1/models/a/predict", "/v1/models/b/predict",
                                          "a/versions/1", "b/versions/1"}),
        ([("echo", "1", 2), ("echo", "2", 3)], {"echo/versions/1", "echo/versions/2"}),
    ],
    ids=["one model", "two models and no default", "versions that differ"],
)  # fmt: skip
async def test_every_example_is_answered(edge: Edge, loaded: list[tuple[str, str, int]], asked: set[str]) -> None:
    for name, version, width in loaded:
        edge.serve(name, version, EchoModel(flat_signature(width)))
    document, shown = of(edge), []
    for path in (each for each in document["paths"] if each.endswith(("/predict", ":predict"))):
        operation = operation_of(document, path)
        body = operation["requestBody"]
        body = found(document, body) if "$ref" in body else body
        for example in body["content"]["application/json"]["examples"].values():
            named = {each["name"]: each["example"] for each in operation["parameters"] if each["in"] == "path"}
            reply = await edge.client.post(path.format(**named), json=found(document, example)["value"])
            assert reply.status_code == 200, (path, reply.text)
            shown.append(path)
    of_kserve = [path for path in shown if path.endswith(":predict")]
    assert len(of_kserve) == ("{name}" in asked), "`instances` alone"
    assert len(shown) == 2 * len(asked) + len(of_kserve)
    assert all(any(part in path for path in shown) for part in asked)


async def test_it_follows_what_is_loaded_and_is_rendered_once(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    described = []

    def describe(document: dict[str, Any], *loaded: Any) -> None:  # as it is given
        described.append(loaded)
        describe_loaded(document, *loaded)

    monkeypatch.setattr("plimsoll.api.api_document.describe_loaded", describe)
    edge.serve("echo", "1", EchoModel(flat_signature(2)))
    assert [of(edge, prefix=prefix)["servers"] for prefix in ("", "/a", "/b", "")] == [
        [{"url": prefix}] for prefix in ("/", "/a", "/b", "/")
    ]
    assert len(described) == 1
    edge.serve("echo", "1", EchoModel(flat_signature(3)))  # loaded anew
    row = of(edge)["components"]["requestBodies"]["echo.1"]["content"]["application/json"]["schema"]["oneOf"][0]
    assert row["properties"]["features"]["minItems"] == 3
    edge.registry.retire("echo", "1")
    assert "/v1/models/echo/predict" not in of(edge)["paths"]


async def test_versions_that_differ_have_no_route_in_common(edge: Edge) -> None:
    edge.serve("echo", "1", EchoModel(flat_signature(2)))
    edge.serve("echo", "2", EchoModel(flat_signature(3)))
    paths = of(edge)["paths"]
    assert {"/v1/models/echo/versions/1/predict", "/v1/models/echo/versions/2/predict"} <= set(paths)
    assert "/v1/models/echo/predict" not in paths
    assert "$ref" not in paths["/v1/predict"]["post"]["requestBody"]


async def test_a_row_that_no_page_could_show_is_left_out(edge: Edge) -> None:
    edge.serve("wide", "1", EchoModel(flat_signature(20_000)))
    body = of(edge)["components"]["requestBodies"]["wide.1"]["content"]["application/json"]
    assert body["examples"] == {}
    assert body["schema"]["oneOf"][0]["properties"]["features"]["minItems"] == 20_000


async def test_without_keys_no_route_asks_for_one_and_the_document_says_so(edge: Edge) -> None:
    document = of(edge)
    assert not [path for path, each in document["paths"].items() if any("security" in one for one in each.values())]
    assert document["info"]["description"] == (
        "This server has no key file: whoever can reach it may ask it, and no route asks for an API key."
    )
    assert set(document["components"]["securitySchemes"]) == {"bearer", "x-api-key"}


async def test_with_keys_the_routes_that_ask_for_one_say_so_and_the_others_do_not(edge: Edge) -> None:
    edge.serve("echo", "1", EchoModel())
    edge.gate.use(KeyRing(()))
    document = of(edge)
    for path in KEYED:
        assert operation_of(document, path)["security"] == [{"bearer": []}, {"x-api-key": []}]
    assert document["info"]["description"] == (
        "Routes with a lock ask for an API key with scope `predict`, in one of two headers. Models are described here "
        "to those who show such a key when they read this document."
    )
    assert not [path for path in OPEN if "security" in operation_of(document, path)]


@pytest.mark.parametrize("scope", ["predict", "admin"])
async def test_with_keys_models_are_described_to_those_who_may_ask_them(edge: Edge, scope: Any) -> None:
    edge.serve("echo", "1", EchoModel())
    key, sha256 = new_key()
    edge.gate.use(KeyRing((KeyEntry(label="reader", sha256=sha256, scopes=frozenset({scope})),)))
    for headers in ({}, {"x-api-key": "wrong"}):
        reply = await edge.client.get("/openapi.json", headers=headers)
        assert reply.status_code == 200
        assert "echo" not in reply.text
    for headers in ({"x-api-key": key}, {"authorization": f"Bearer {key}"}):
        shown = "echo" in (await edge.client.get("/openapi.json", headers=headers)).text
        assert shown == (scope == "predict")


async def test_an_example_is_what_the_model_was_given_to_the_last_digit(edge: Edge) -> None:
    edge.serve("echo", "1", EchoModel(flat_signature(2)))
    (status,) = edge.registry.answering()
    assert status.report is not None
    status.report.example["x"][:] = np.float32(0.1)
    assert of(edge)["components"]["examples"]["echo.1.one-row"]["value"] == {"features": [0.1, 0.1]}
