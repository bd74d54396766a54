"""A task of one's own, asked by protocols of tensors: its rows and its results are elements of BYTES."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from plimsoll.errors import InvalidInput
from plimsoll.own_task import OwnTask

from tests.doubles.own_tasks import ROW, Letters
from tests.unit.tasks.test_own_task import OUTPUTS, adapted


class Shouting(OwnTask):
    """Reads a text, and answers with a text."""

    item = "text"
    row_schema: Mapping[str, Any] = {"type": "string"}
    result_schema: Mapping[str, Any] = {"type": "string"}

    def read(self, row: Any) -> Any:
        return {"input": [float(len(row))] * 4}

    def write(self, outputs: Any) -> Any:
        return f"{outputs['output'].max():.1f}!"


def elements(*given: bytes) -> NDArray[Any]:
    tensor = np.empty(len(given), np.object_)
    tensor[:] = given
    return tensor


def test_protocols_of_tensors_send_rows_as_json_and_get_results_as_json() -> None:
    task = adapted()
    (row,), (result,) = task.wire.inputs, task.wire.outputs
    assert [(each.name, each.datatype, each.shape) for each in (row, result)] == [
        ("letters", "BYTES", (-1,)), ("result", "BYTES", (-1,)),
    ]  # fmt: skip
    question = task.of_tensors({"letters": elements(json.dumps(ROW).encode(), json.dumps({**ROW, "d": 1}).encode())})
    written = np.zeros((2, 4), np.float32)
    question.write({"input": written})
    assert written[1, 3] == 1
    first, second = task.tensors(question, OUTPUTS)["result"]
    assert [json.loads(each)["label"] for each in (first, second)] == ["b", "a"]


def test_texts_are_sent_and_answered_as_they_are() -> None:
    task = adapted(Shouting)
    question = task.of_tensors({"text": elements("hä?".encode(), b"")})
    written = np.zeros((2, 4), np.float32)
    question.write({"input": written})
    assert written[:, 0].tolist() == [3, 0]
    assert task.tensors(question, OUTPUTS)["result"].tolist() == [b"0.7!", b"0.5!"]


@pytest.mark.parametrize(
    ("kind", "element", "message"),
    [
        (Shouting, b"\xff", "an element of the input 'text' is not readable"),
        (Letters, b"{", "an element of the input 'letters' is not readable"),
        (Letters, b"[" * 100_000, "an element of the input 'letters' is not readable"),
        (Letters, b"[1]", "row 1 of 'letters' has the wrong type"),
    ],
)
def test_an_element_that_is_no_row_is_named(kind: type[OwnTask], element: bytes, message: str) -> None:
    task = adapted(kind)
    right = b"a" if kind is Shouting else json.dumps(ROW).encode()
    with pytest.raises(InvalidInput) as caught:
        task.of_tensors({task.item: elements(right, element)})
    assert (caught.value.message, caught.value.index) == (message, 1)


@pytest.mark.parametrize("values", [b"1," * 500_001 + b"1", b"[]," * 500_001 + b"[]", b"{}," * 500_001 + b"{}"])
def test_rows_of_far_too_many_values_are_refused_before_they_are_made(values: bytes) -> None:
    row = json.dumps(ROW).encode()
    many = row[:-1] + b', "more": [' + values + b"]}"
    with pytest.raises(InvalidInput, match="the body holds too many values"):
        adapted().of_tensors({"letters": elements(row, many)})
    # The task has read it, because a text is one value.
    with pytest.raises(InvalidInput, match="gives a number out of the bounds"):
        adapted(Shouting).of_tensors({"text": elements(many)})
