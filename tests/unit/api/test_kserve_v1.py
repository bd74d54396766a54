"""KServe's v1 over a whole edge: the rows and predictions of /v1, and errors of one sentence."""

from __future__ import annotations

from typing import Any

import pytest
from plimsoll.tasks.tensors import TensorTask

from tests.doubles.models import EchoModel
from tests.unit.api.conftest import Edge

ROWS = [[0.25, 0.75], [1, 0]]
PATH = "/v1/models/echo:predict"


async def test_the_predictions_are_those_of_v1_and_nothing_else(edge: Edge) -> None:
    edge.serve("echo", "1", EchoModel())
    expected = (await edge.client.post("/v1/models/echo/predict", json={"instances": ROWS})).json()["predictions"]
    reply = await edge.client.post(PATH, json={"instances": ROWS})
    assert (reply.status_code, reply.json()) == (200, {"predictions": expected})
    assert reply.headers["x-plimsoll-version"] == "1"
    assert [outcome.protocol for outcome in edge.observer.outcomes] == ["v1", "kserve"]


async def test_a_row_of_named_tensors_is_one_instance(edge: Edge) -> None:
    edge.serve("echo", "1", EchoModel(), task=TensorTask)
    reply = await edge.client.post(PATH, json={"instances": [{"x": ROWS[0]}]})
    (prediction,) = reply.json()["predictions"]
    assert list(prediction["outputs"].values()) == [ROWS[0]]


async def test_a_body_without_a_media_type_is_read(edge: Edge) -> None:
    edge.serve("echo", "1", EchoModel())
    reply = await edge.client.post(PATH, content=b'{"instances": [[0, 1]]}')
    assert reply.status_code == 200
    wrong = await edge.client.post(PATH, content=b"0,1", headers={"content-type": "text/csv"})
    assert (wrong.status_code, isinstance(wrong.json()["error"], str)) == (415, True)


@pytest.mark.parametrize(
    ("path", "content", "status", "words"),
    [
        (PATH, b'{"instances": [[0, 1], [0]]}', 400, ["row 1"]),
        (PATH, b'{"rows": [[0, 1]]}', 400, ["'rows'", "instances"]),
        (PATH, b"", 400, ["empty"]),
        (PATH, b"{", 400, ["not JSON"]),
        ("/v1/models/ghost:predict", b'{"instances": [[0, 1]]}', 404, ["'ghost'", "echo"]),
        (PATH, b"[" * 3000, 413, ["2000"]),
    ],
)
async def test_an_error_is_one_sentence(edge: Edge, path: str, content: bytes, status: int, words: list[str]) -> None:
    edge.serve("echo", "1", EchoModel())
    reply = await edge.client.post(path, content=content, headers={"content-type": "application/json"})
    document: Any = reply.json()
    assert (reply.status_code, list(document), reply.headers["content-type"]) == (status, ["error"], "application/json")
    assert all(word in document["error"] for word in words), document
