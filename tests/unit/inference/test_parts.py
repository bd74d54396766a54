"""Requests in parts: every row in one part, none beyond the limits, and the answers in their old order."""

from __future__ import annotations

import numpy as np
import orjson
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.inference.batch_limits import BatchLimits, elements_of_row
from plimsoll.inference.parts import Part, joined
from plimsoll.inference.payloads import Signature, TensorSpec
from plimsoll.tasks.padding import PaddedRows
from plimsoll.tasks.tensors import TensorRows, TensorTask

from tests.doubles.masked_transformer import LONGEST, PADDING, SIGNATURE, words
from tests.doubles.questions import QUESTION

TASK = TensorTask(SIGNATURE, {"padding": PADDING})
OPEN = TensorTask(Signature((TensorSpec("x", "FP32", (-1, -1)),), (TensorSpec("y", "FP32", (-1, 1)),)))
LIMITS = st.builds(BatchLimits, st.integers(1, 9), st.just(0.0), st.integers(1, 2000))


def question_of(*lengths: int) -> PaddedRows:
    rows = [{"input_ids": row.tolist()} for row in words(*lengths)]
    question = TASK.read(orjson.dumps({"instances": rows}))
    assert isinstance(question, PaddedRows)
    return question


def indexes_of(*lengths: int, rows: int = 128, elements: int = 1 << 18) -> list[list[int]]:
    return [list(part.indexes) for part in question_of(*lengths).parts(BatchLimits(rows, 0.0, elements))]


@given(lengths=st.lists(st.integers(1, LONGEST), min_size=1, max_size=30), limits=LIMITS)
def test_every_row_is_in_one_part_within_the_limits_and_at_least_half_as_long_as_its_longest(
    lengths: list[int], limits: BatchLimits
) -> None:
    question = question_of(*lengths)
    parts = question.parts(limits) or [Part(range(len(lengths)), question)]
    assert sorted(index for part in parts for index in part.indexes) == list(range(len(lengths)))
    for part in parts:
        own = part.question
        assert isinstance(own, PaddedRows)
        assert own.lengths == [lengths[index] for index in part.indexes]
        assert own.rows <= limits.max_rows
        assert own.rows == 1 or own.rows * elements_of_row(own.shapes) <= limits.max_elements
        buckets = [question_of(length).shapes[0][0] for length in own.lengths]
        assert min(buckets) * 2 >= max(buckets)
    assert sum(part.question.padding for part in parts) <= question.padding


def test_rows_of_like_length_go_together_and_others_after_the_shorter_ones() -> None:
    assert indexes_of(5, 16, 1, 9) == []  # padded to 8 and to 16
    assert indexes_of(100, 5, 65, 7, 33) == [[1, 3], [0, 2, 4]]
    assert indexes_of(100) == []


def test_rows_of_one_length_are_divided_as_the_limits_need() -> None:
    assert indexes_of(*[100] * 5, rows=2) == [[0], [1, 2], [3, 4]]
    assert indexes_of(*[100] * 5, elements=2 * 128 * 3) == [[0, 1], [2, 3, 4]]
    assert indexes_of(*[100] * 2, elements=1) == [[0], [1]]


@given(rows=st.integers(1, 30), width=st.integers(1, 40), limits=LIMITS)
def test_tensors_of_open_shape_are_divided_too(rows: int, width: int, limits: BatchLimits) -> None:
    given_rows = np.arange(rows * width, dtype=np.float32).reshape(rows, width)
    question = OPEN.of_tensors({"x": given_rows})
    assert isinstance(question, TensorRows)
    parts = question.parts(limits)
    if rows <= limits.most_rows(question.shapes):
        assert not parts
        return
    for part in parts:
        inputs = batch_of(part.question.rows, width)
        part.question.write(inputs)
        assert np.array_equal(inputs["x"], given_rows[list(part.indexes)])
        assert part.question.rows <= limits.most_rows(question.shapes)
    assert [index for part in parts for index in part.indexes] == list(range(rows))


def batch_of(rows: int, width: int) -> dict[str, np.ndarray]:
    return {"x": np.full((rows, width), np.nan, np.float32)}


def test_outputs_are_joined_in_the_order_of_the_rows() -> None:
    parts = [Part([1, 3], QUESTION), Part([0, 2], QUESTION)]
    short = {"score": np.array([1, 3]), "states": np.array([[1, 1], [3, 3]])}
    long = {"score": np.array([0, 2]), "states": np.array([[9, 9, 9], [8, 8, 8]])}
    whole = joined(parts, [short, long])
    assert whole["score"].tolist() == [0, 1, 2, 3]
    assert whole["states"].tolist() == [[9, 9, 9], [1, 1, 0], [8, 8, 8], [3, 3, 0]]
    assert whole["states"].dtype == short["states"].dtype
