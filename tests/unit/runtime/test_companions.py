from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from plimsoll.inference.payloads import NUMPY_DTYPES, Datatype, Signature, TensorSpec
from plimsoll.inference.tensor_bounds import TensorBounds
from plimsoll.runtime.companions import companion_rows, golden_rows

OUTPUT = TensorSpec("y", "FP32", (-1, 2))


def companions(
    golden: NDArray[Any], datatype: Datatype = "FP32", low: float | None = None, high: float | None = None
) -> dict[str, list[Any]]:
    """The companion rows of a model with one input, by title."""
    spec = TensorSpec("x", datatype, (-1, *golden.shape[1:]), low, high)
    rows = companion_rows(Signature((spec,), (OUTPUT,)), {"x": golden.astype(spec.dtype)})
    assert all(spec.accepts(np.asarray(row.tensors["x"])) and len(row.tensors["x"]) == 1 for row in rows)
    return {row.title: row.tensors["x"][0].tolist() for row in rows}


GOLDEN = np.array([[0, 1], [-2, 0.5]])
LOW, HIGH, FAR = "a row at the minimum", "a row at the maximum", "a row of 1000 times the golden range"


def test_without_bounds_a_row_lies_far_beyond_the_golden_ones() -> None:
    assert companions(GOLDEN) == {FAR: [-2000, 500]}
    assert companions(np.zeros((2, 2))) == {FAR: [1000, 1000]}


def test_with_bounds_there_is_a_row_at_each() -> None:
    assert companions(GOLDEN, low=-2, high=1) == {LOW: [-2, -2], HIGH: [1, 1]}
    assert companions(GOLDEN, low=-2) == {LOW: [-2, -2], FAR: [-2, 500]}
    assert companions(GOLDEN, high=1) == {HIGH: [1, 1], FAR: [-2000, 1]}


def test_whole_numbers_without_bounds_have_only_golden_companions() -> None:
    assert companions(np.array([[1, 2]]), "INT64") == {}
    assert companions(np.array([[1, 2]]), "INT64", low=0, high=9) == {LOW: [0, 0], HIGH: [9, 9]}


def test_a_far_row_stays_within_its_datatype() -> None:
    assert companions(np.array([[100.0, -100.0]]), "FP16") == {FAR: [65504, -65504]}


def test_inputs_that_have_no_bound_keep_a_golden_row_beside_those_that_have() -> None:
    ids = TensorSpec("ids", "INT64", (-1, 2), 1, 9)
    mask = TensorSpec("mask", "BOOL", (-1, 2))
    golden = {"ids": np.array([[3, 4], [5, 6]]), "mask": np.array([[True, False], [True, True]])}
    rows = companion_rows(Signature((ids, mask), (OUTPUT,)), golden)
    assert [(row.tensors["ids"].tolist(), row.tensors["mask"].tolist()) for row in rows] == [
        ([[1, 1]], [[True, False]]),
        ([[9, 9]], [[True, False]]),
    ]


@given(
    datatype=st.sampled_from(sorted(NUMPY_DTYPES)),
    numbers=st.lists(st.integers(0, 1), min_size=1, max_size=4),
    bounds=st.tuples(st.none() | st.just(0.0), st.none() | st.just(1.0)),
)
def test_every_companion_is_a_row_that_a_client_may_send(
    datatype: Datatype, numbers: list[int], bounds: tuple[float | None, float | None]
) -> None:
    golden = np.array([numbers]).astype(NUMPY_DTYPES[datatype])
    spec = TensorSpec("x", datatype, (-1, len(numbers)), *bounds)
    for row in companion_rows(Signature((spec,), (OUTPUT,)), {"x": golden}):
        tensor = np.asarray(row.tensors["x"])
        assert spec.accepts(tensor)
        assert TensorBounds(spec).hold(tensor)


@pytest.mark.parametrize(("count", "chosen"), [(1, [0]), (3, [0, 1, 2]), (4, [0, 1, 2, 3]), (100, [0, 33, 66, 99])])
def test_golden_rows_are_spread_evenly(count: int, chosen: list[int]) -> None:
    rows = golden_rows({"x": np.arange(count)[:, None]}, 4)
    assert [row.title for row in rows] == [f"golden row {index}" for index in chosen]
    assert [row.tensors["x"].tolist() for row in rows] == [[[index]] for index in chosen]
