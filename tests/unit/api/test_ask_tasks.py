"""Each task is asked by the same routes, with the body and the answer of its own."""

from __future__ import annotations

from plimsoll.tasks.tabular_regression import TabularRegression

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
