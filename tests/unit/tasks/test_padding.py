"""The task `tensors` with the option `padding`: rows that differ in length."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from plimsoll.errors import BundleError, InvalidInput, ModelFailed
from plimsoll.inference.payloads import Signature, TensorSpec
from plimsoll.tasks.padding import PaddedRows
from plimsoll.tasks.tensors import TensorTask

IDS = TensorSpec("ids", "INT64", (-1, -1), minimum=0, maximum=99)
VECTORS = TensorSpec("vectors", "FP32", (-1, -1, 2))
WEIGHT = TensorSpec("weight", "FP32", (-1,))
MASK = TensorSpec("mask", "BOOL", (-1, -1))
INPUTS = (IDS, VECTORS, WEIGHT, MASK)
STATES = TensorSpec("states", "FP32", (-1, -1, 2))
PAIRS = TensorSpec("pairs", "FP32", (-1, 2, -1, -1))
SCORE = TensorSpec("score", "FP32", (-1, 1))
SIGNATURE = Signature(INPUTS, (STATES, PAIRS, SCORE))
OPTIONS = {"padding": {"lengths": [4, 8, 16], "mask": "mask", "values": {"ids": 7}}}
TASK = TensorTask(SIGNATURE, OPTIONS)


def row(length: int, **changes: Any) -> dict[str, Any]:
    made = {"ids": list(range(1, length + 1)), "vectors": [[0.5, 1]] * length, "weight": 2.5}
    return {name: value for name, value in (made | changes).items() if value is not None}


def question_of(*rows: dict[str, Any]) -> PaddedRows:
    document = {"inputs": rows[0]} if len(rows) == 1 else {"instances": rows}
    question = TASK.read(json.dumps(document).encode())
    assert isinstance(question, PaddedRows)
    return question


def written(question: PaddedRows) -> dict[str, NDArray[Any]]:
    inputs = {
        spec.name: np.full((question.rows, *shape), 77, spec.dtype)
        for spec, shape in zip(INPUTS, question.shapes, strict=True)
    }
    question.write(inputs)
    return inputs


def refusal(*rows: dict[str, Any]) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        question_of(*rows)
    return caught.value


def test_a_row_by_itself_is_padded_as_it_alone_needs() -> None:
    question = question_of(row(2), row(5))
    alone = question.row(0)
    assert (question.shapes[0], alone.shapes[0], alone.rows, alone.lengths) == ((8,), (4,), 1, [2])
    assert written(alone)["ids"].tolist() == [[1, 2, 7, 7]]


def test_the_rows_of_a_request_are_padded_as_the_longest_needs() -> None:
    question = question_of(row(2), row(5), row(1))
    assert (question.rows, question.lengths) == (3, [2, 5, 1])
    assert question.shapes == ((8,), (8, 2), (), (8,))
    inputs = written(question)
    assert inputs["ids"].tolist() == [[1, 2] + [7] * 6, [1, 2, 3, 4, 5, 7, 7, 7], [1] + [7] * 7]
    assert inputs["mask"].tolist() == [[True] * each + [False] * (8 - each) for each in (2, 5, 1)]
    assert inputs["vectors"][0].tolist() == [[0.5, 1]] * 2 + [[0, 0]] * 6
    assert inputs["weight"].tolist() == [2.5] * 3


@pytest.mark.parametrize(("length", "bucket"), [(1, 4), (4, 4), (5, 8), (16, 16)])
def test_a_single_row_is_padded_to_the_next_length(length: int, bucket: int) -> None:
    assert question_of(row(length)).shapes[0] == (bucket,)


@given(lengths=st.lists(st.integers(1, 16), min_size=1, max_size=20))
def test_padding_is_counted_over_all_inputs_and_rows(lengths: list[int]) -> None:
    question = question_of(*map(row, lengths))
    inputs = written(question)
    elements = sum(tensor.size for name, tensor in inputs.items() if name != "weight")
    assert question.padding == elements - 4 * sum(lengths)
    assert question.padding == 4 * (~inputs["mask"]).sum()


def test_a_mask_of_the_client_is_kept_and_padded_with_0() -> None:
    question = question_of(row(3, mask=[True, False, True]), row(2, mask=[True, False]), row(1))
    assert written(question)["mask"].tolist() == [
        [True, False, True, False], [True, False, False, False], [True, False, False, False],
    ]  # fmt: skip
    assert question.marked == [3, 1, 1]


@pytest.mark.parametrize(
    ("rows", "message", "expected", "index"),
    [
        ([row(17)], "the row is too long for this model: 'ids' has 17 places", "at most 16 places", None),
        ([row(1), row(17)], "the row is too long for this model: 'ids' has 17", "at most 16 places", 1),
        ([row(3, mask=[True] * 4)], "the inputs 'ids' and 'mask' of one row differ in length", "3 places", None),
        ([row(3), row(3, mask=[True] * 2)], "the inputs 'ids' and 'mask' of one row differ", "3 places in 'mask'", 1),
        ([row(3), row(3, vectors=[[1, 1]])], "the inputs 'ids' and 'vectors' of one row differ", "3 places", 1),
        ([row(2), row(2, mask=[False] * 2)], "the mask 'mask' marks every place as padding", "at least one place", 1),
        ([row(2, mask=[1, 0])], "the input 'mask' holds something else than its datatype", "true or false", None),
        ([row(2), row(2, ids=None)], "the input 'ids' is missing", "", 1),
        ([row(2), row(2, ids=[1, 100])], "the number at position [1] of 'ids' is out of bounds", "from 0 to 99", 1),
        ([row(2), row(2, ids=[])], "the input 'ids' has an empty list", "any length", 1),
        ([row(2), row(2, ids=7)], "the input 'ids' has an empty list", "any length", 1),
        ([row(2), row(2, vectors=[[1, 2], [3]])], "the input 'vectors' has the wrong shape", "a list of 2", 1),
        ([row(2), row(2, ids=[1, 1 << 70])], "the input 'ids' holds a number beyond its range", "whole numbers", 1),
        ([row(2), row(2, more=1)], "unknown input 'more'", "inputs ids, vectors, weight, mask", 1),
    ],
)
def test_each_fault_of_a_row_is_named(rows: list[dict[str, Any]], message: str, expected: str, index: int) -> None:
    error = refusal(*rows)
    assert error.message.startswith(message)
    assert expected in (error.expected or "")
    assert error.index == index


def outputs_of(length: int, *rows: float) -> dict[str, NDArray[Any]]:
    """Outputs of padded rows, each of which holds its number everywhere."""
    numbers = np.array(rows, np.float32)
    return {
        "states": np.broadcast_to(numbers[:, None, None], (len(rows), length, 2)).copy(),
        "pairs": np.broadcast_to(numbers[:, None, None, None], (len(rows), 2, length, length)).copy(),
        "score": numbers[:, None],
    }


def test_open_dimensions_of_outputs_are_cut_to_the_length_of_each_row() -> None:
    results = TASK.results(question_of(row(2), row(1)), outputs_of(4, 0.5, 2))
    assert orjson.loads(orjson.dumps(results, option=orjson.OPT_SERIALIZE_NUMPY)) == [
        {"outputs": {"states": [[0.5] * 2] * 2, "pairs": [[[0.5] * 2] * 2] * 2, "score": [0.5]}},
        {"outputs": {"states": [[2] * 2], "pairs": [[[2]]] * 2, "score": [2]}},
    ]


def test_numbers_that_are_not_finite_matter_within_the_row_only() -> None:
    outputs = outputs_of(4, 0.5, 2)
    outputs["states"][:, 2:] = np.nan
    assert len(TASK.results(question_of(row(2), row(1)), outputs)) == 2
    with pytest.raises(ModelFailed) as caught:
        TASK.results(question_of(row(2), row(3)), outputs)
    assert (caught.value.index, caught.value.given) == (1, "nan")


def test_a_model_may_leave_out_the_places_at_the_end_that_a_mask_leaves_out() -> None:
    question = question_of(row(4, mask=[True, True, False, False]), row(2))
    results = TASK.results(question, outputs_of(2, 0.5, 2))
    assert results[0]["outputs"]["states"].tolist() == [[0.5] * 2] * 2 + [[0, 0]] * 2
    assert results[0]["outputs"]["pairs"][0].tolist() == [[0.5, 0.5, 0, 0]] * 2 + [[0] * 4] * 2
    assert results[1]["outputs"]["states"].tolist() == [[2, 2]] * 2
    with pytest.raises(ModelFailed, match="gave an output 'states' that is shorter than the row") as caught:
        TASK.results(question, outputs_of(1, 0.5, 2))
    assert (caught.value.index, caught.value.expected) == (0, "shape [4, 2]")


def test_the_schema_says_the_longest_row_and_needs_no_mask() -> None:
    schema = TASK.row_schema()
    assert schema["required"] == ["ids", "vectors", "weight"]
    assert (schema["properties"]["ids"]["minItems"], schema["properties"]["ids"]["maxItems"]) == (1, 16)
    assert schema["properties"]["vectors"]["items"]["maxItems"] == 2
    assert schema["properties"]["mask"]["description"].endswith("without it every place of the row counts")


def test_without_a_mask_the_values_alone_mark_padding() -> None:
    task = TensorTask(Signature((IDS,), (SCORE,)), {"padding": {"longest": 8}})
    question = task.read(b'{"instances": [{"ids": [1, 2]}, {"ids": [3]}]}')
    ids = np.empty((2, 8), np.int64)
    question.write({"ids": ids})
    assert ids.tolist() == [[1, 2] + [0] * 6, [3] + [0] * 7]


def test_tasks_are_equal_where_a_body_means_the_same_to_both() -> None:
    same = TensorTask(SIGNATURE, OPTIONS)
    assert (same, hash(same)) == (TASK, hash(TASK))
    assert TensorTask(SIGNATURE) != TASK
    assert TensorTask(SIGNATURE, {"padding": {"longest": 16, "mask": "mask"}}) != TASK
    assert TensorTask(Signature(INPUTS, (SCORE,)), OPTIONS) != TASK


def test_an_option_that_no_one_knows_is_refused_with_the_one_that_is_known() -> None:
    with pytest.raises(BundleError, match="takes the option padding, and the manifest has 'pad'") as caught:
        TensorTask(SIGNATURE, {"pad": 1})
    assert caught.value.check == "task"
