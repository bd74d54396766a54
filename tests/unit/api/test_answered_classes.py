"""The scores by which answered labels are counted reach the observer, by every way over HTTP."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from plimsoll.inference.payloads import Scores, Signature, TensorSpec
from plimsoll.tasks.tabular_classification import MOST_COUNTED_LABELS, TabularClassification
from plimsoll.tasks.tensors import TensorTask

from tests.doubles.asgi import Exchange, http_scope
from tests.doubles.models import EchoModel, NanModel, PoisonedModel, flat_signature
from tests.unit.api.conftest import Edge
from tests.unit.api.sessions import PATH as SESSION
from tests.unit.api.sessions import opened

ROWS = [[0.25, 0.75], [1.0, 0.0], [0.0, 1.0]]
TENSOR = {"name": "x", "datatype": "FP32", "shape": [3, 2]}
RAW = np.array(ROWS, np.float32).tobytes()
EVENTS = {"accept": "text/event-stream", "content-type": "application/json"}


def chosen(scores: Scores | None) -> list[str | int]:
    """The labels of some rows."""
    assert scores is not None
    return [scores.classes.labels[position] for position in scores.classes.chosen(scores.values)]


def in_bytes() -> dict[str, Any]:
    document = {**TENSOR, "parameters": {"binary_data_size": len(RAW)}}
    head = json.dumps({"inputs": [document], "parameters": {"binary_data_output": True}}).encode()
    return {"content": head + RAW, "headers": {"inference-header-content-length": str(len(head))}}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/predict", {"json": {"instances": ROWS}}),
        ("/v1/models/echo/versions/3/predict", {"json": {"instances": ROWS}, "headers": {"accept": "text/csv"}}),
        ("/v1/predict", {"content": "0.25,0.75\n1,0\n0,1", "headers": {"content-type": "text/csv"}}),
        ("/v1/models/echo:predict", {"json": {"instances": ROWS}}),
        ("/v2/models/echo/infer", {"json": {"inputs": [{**TENSOR, "data": ROWS}]}}),
        ("/v2/models/echo/infer", in_bytes()),
    ],
    ids=["v1", "answer in CSV", "CSV", "KServe", "v2", "v2 in bytes"],
)
async def test_a_whole_answer_has_the_scores_of_its_rows(edge: Edge, path: str, body: dict[str, Any]) -> None:
    edge.serve("echo", "3", EchoModel())
    reply = await edge.client.post(path, **body)
    assert reply.status_code == 200, reply.text
    (outcome,) = edge.observer.outcomes
    assert chosen(outcome.scores) == ["b", "a", "b"]


async def test_a_message_of_a_session_has_the_scores_of_its_rows(edge: Edge) -> None:
    edge.serve("echo", "3", EchoModel())
    talk = await opened(edge, SESSION)
    talk.say({"id": 1, "instances": ROWS})
    await talk.hear()
    talk.say({"id": 2, "instances": [[1]]})
    await talk.hear()
    talk.leave()
    await talk.ended()
    answered, refused = edge.observer.outcomes
    assert chosen(answered.scores) == ["b", "a", "b"]
    assert (refused.status, refused.scores) == (422, None)


async def test_each_piece_of_a_stream_has_the_scores_of_its_row_unless_it_is_an_error(edge: Edge) -> None:
    edge.serve("echo", "3", PoisonedModel())
    body = json.dumps({"instances": [[1], [-1], [2]]}).encode()
    await Exchange(edge.asgi, http_scope("/v1/predict", "POST", EVENTS), [body]).run()
    assert sorted((piece.failed, piece.scores is None) for piece in edge.observer.pieces) == [
        (False, False), (False, False), (True, True),
    ]  # fmt: skip
    values = [piece.scores.values.tolist() for piece in edge.observer.pieces if piece.scores is not None]
    assert sorted(values) == [[[-2]], [[-1]]]
    (outcome,) = edge.observer.outcomes
    assert (outcome.status, outcome.scores) == (200, None), "its pieces were counted"


async def test_an_answer_that_json_cannot_express_is_a_failure_and_not_an_answer(edge: Edge) -> None:
    edge.serve("echo", "3", NanModel())
    assert (await edge.client.post("/v1/predict", json={"instances": ROWS})).status_code == 500
    (outcome,) = edge.observer.outcomes
    assert (outcome.status, outcome.scores) == (500, None)


async def test_only_labels_that_become_few_series_are_counted(edge: Edge) -> None:
    edge.serve("echo", "3", EchoModel(), task=TensorTask)
    await edge.client.post("/v2/models/echo/infer", json={"inputs": [{**TENSOR, "data": ROWS}]})
    for version, width in (("4", MOST_COUNTED_LABELS), ("5", MOST_COUNTED_LABELS + 1)):
        edge.serve("echo", version, EchoModel(wide(width)))
        await edge.client.post(f"/v1/models/echo/versions/{version}/predict", json={"features": [1.0] * width})
    assert [outcome.status for outcome in edge.observer.outcomes] == [200] * 3
    assert [outcome.scores is not None for outcome in edge.observer.outcomes] == [False, True, False]


def wide(width: int) -> Signature:
    """Rows of many numbers in, as many labelled numbers out."""
    labels = tuple(range(width))
    return Signature(flat_signature(width).inputs, (TensorSpec("y", "FP32", (-1, width), labels=labels),))


def test_the_labels_of_a_model_are_those_of_its_signature() -> None:
    classes = TabularClassification(flat_signature(3)).classes
    assert classes is not None
    assert (classes.output, classes.labels) == ("y", ("a", "b", "c"))
