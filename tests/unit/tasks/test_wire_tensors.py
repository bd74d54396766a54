"""Rows that come as named tensors, to every kind of task."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from plimsoll.errors import InvalidInput
from plimsoll.inference.payloads import Signature, TensorSpec
from plimsoll.tasks.tabular_classification import TabularClassification
from plimsoll.tasks.tensors import TensorTask
from plimsoll.tasks.wire_tensors import check_complete

from tests.doubles.models import flat_signature

IDS, MASK = TensorSpec("ids", "INT64", (-1, -1), minimum=0, maximum=9), TensorSpec("mask", "FP32", (-1, -1))
STATES = TensorSpec("states", "FP32", (-1, -1, 2))
PADDED = Signature((IDS, MASK), (STATES,))
PADDING = {"padding": {"lengths": [2, 4], "mask": "mask"}}


def written(question: Any, signature: Signature) -> dict[str, Any]:
    shapes = question.shapes or [spec.shape[1:] for spec in signature.inputs]
    tensors = {
        spec.name: np.full((question.rows, *shape), 77, spec.dtype)
        for spec, shape in zip(signature.inputs, shapes, strict=True)
    }
    question.write(tensors)
    return tensors


def test_flat_rows_are_written_as_they_are() -> None:
    signature = flat_signature(2, minimum=0, maximum=1)
    task = TabularClassification(signature)
    assert task.wire is signature
    rows = np.array([[0, 0.5], [1, 0.25]], np.float32)
    question = task.of_tensors({"x": rows})
    np.testing.assert_array_equal(written(question, signature)["x"], rows)
    outputs = {"y": rows}
    assert task.tensors(question, outputs)["y"] is rows
    with pytest.raises(InvalidInput) as caught:
        written(task.of_tensors({"x": np.array([[0, 0.5], [2, 0]], np.float32)}), signature)
    assert caught.value.index == 1


@pytest.mark.parametrize("number", [np.nan, np.inf, 2.0])
def test_a_number_out_of_bounds_is_named_by_its_row(number: float) -> None:
    signature = Signature((TensorSpec("a", "FP32", (-1, 1, 2), maximum=1),), (TensorSpec("b", "FP32", (-1,)),))
    rows = np.zeros((2, 1, 2), np.float32)
    rows[1, 0, 1] = number
    with pytest.raises(InvalidInput) as caught:
        TensorTask(signature).of_tensors({"a": rows})
    assert (caught.value.index, caught.value.message) == (1, "the number at position [0, 1] of 'a' is out of bounds")


def test_tensors_share_one_number_of_rows_and_none_is_missing() -> None:
    tensors = {"ids": np.zeros((2, 3), np.int64)}
    assert check_complete((IDS, MASK), tensors, optional="mask") == 2
    with pytest.raises(InvalidInput, match="the input 'mask' is missing"):
        check_complete((IDS, MASK), tensors)
    with pytest.raises(InvalidInput, match="another number of rows"):
        check_complete((IDS, MASK), {**tensors, "mask": np.zeros((1, 3), np.float32)})


def test_rows_of_open_length_are_padded_and_their_outputs_are_not() -> None:
    task = TensorTask(PADDED, PADDING)
    ids = np.array([[1, 2, 3], [4, 5, 6]])
    question = task.of_tensors({"ids": ids})
    tensors = written(question, PADDED)
    assert tensors["ids"].tolist() == [[1, 2, 3, 0], [4, 5, 6, 0]]
    assert tensors["mask"].tolist() == [[1, 1, 1, 0]] * 2
    states = np.arange(16, dtype=np.float32).reshape(2, 4, 2)
    np.testing.assert_array_equal(task.tensors(question, {"states": states})["states"], states[:, :3])
    with pytest.raises(InvalidInput):
        task.of_tensors({"ids": np.zeros((1, 5), np.int64)})


def test_tensors_are_taken_in_the_order_of_the_signature() -> None:
    signature = Signature((IDS, MASK), (STATES,))
    task = TensorTask(signature)
    question = task.of_tensors({"mask": np.ones((1, 2), np.float32), "ids": np.array([[1, 2, 3]])})
    assert question.shapes == ((3,), (2,))
