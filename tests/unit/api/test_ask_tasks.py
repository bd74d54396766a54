"""Each task is asked by the same routes, with the body and the answer of its own."""

from __future__ import annotations

import json

import pytest
from plimsoll.inference.payloads import Signature, TensorSpec
from plimsoll.tasks.tabular_regression import TabularRegression
from plimsoll.tasks.tensors import TensorTask

from tests.doubles.models import EchoModel, flat_signature
from tests.unit.api.conftest import Edge


async def test_it_is_asked_like_a_classifier_and_answers_with_values(edge: Edge) -> None:
    edge.serve("price", "1", EchoModel(flat_signature(2)), task=TabularRegression)
    reply = await edge.client.post("/v1/models/price/predict", json={"instances": [[1, 2.5], [0.1, -3]]})
    answer = reply.json()
    assert (reply.status_code, answer["model"], answer["version"]) == (200, "price", "1")
    assert answer["predictions"] == [{"values": {"a": 1, "b": 2.5}}, {"values": {"a": 0.1, "b": -3}}]
    wrong = (await edge.client.post("/v1/models/price/predict", json={"features": [1]})).json()["error"]
    assert (wrong["message"], wrong["expected"]) == ("features has the wrong length", "2 numbers")


@pytest.mark.parametrize("length", [2, -1])
async def test_tensors_are_asked_by_name_also_where_their_lengths_are_open(edge: Edge, length: int) -> None:
    spec = TensorSpec("x", "FP32", (-1, 2, length))
    signature = Signature((spec,), (TensorSpec("y", "FP32", (-1, 2, length)),))
    edge.serve("echo", "1", EchoModel(signature), task=TensorTask)
    row = [[1, 2], [3, 4.5]]
    one = await edge.client.post("/v1/predict", json={"inputs": {"x": row}})
    assert one.json()["predictions"] == [{"outputs": {"y": row}}]
    two = await edge.client.post("/v1/predict", json={"instances": [{"x": row}, {"x": [[0, 0], [0, 0]]}]})
    assert [each["outputs"]["y"][0] for each in two.json()["predictions"]] == [[1, 2], [0, 0]]
    wrong = (await edge.client.post("/v1/predict", json={"features": [1, 2]})).json()["error"]
    assert wrong["message"] == "unknown field 'features'"


async def test_the_document_shows_each_model_by_its_task(edge: Edge) -> None:
    edge.serve("price", "1", EchoModel(flat_signature(2)), task=TabularRegression)
    edge.serve("echo", "1", EchoModel(flat_signature(2)), task=TensorTask)
    components = json.loads(edge.document.rendered())["components"]
    body = components["requestBodies"]["echo.1"]["content"]["application/json"]
    assert [next(iter(each["properties"])) for each in body["schema"]["oneOf"]] == ["inputs", "instances"]
    assert components["examples"]["echo.1.one-row"]["value"] == {"inputs": {"x": [0.5, 0.5]}}
    assert components["examples"]["price.1.one-row"]["value"] == {"features": [0.5, 0.5]}
    assert "values" in components["schemas"]["price.1"]["properties"]["predictions"]["items"]["properties"]
    for name in ("echo", "price"):
        example = components["examples"][f"{name}.1.two-rows"]["value"]
        assert (await edge.client.post(f"/v1/models/{name}/predict", json=example)).status_code == 200
