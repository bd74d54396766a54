"""Inputs of the model as the code of a task gives them: in lists, in arrays, or in both."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from plimsoll.errors import InvalidInput, ModelFailed
from plimsoll.inference.payloads import Datatype, TensorSpec
from plimsoll.tasks.own_inputs import OwnInput

RANGES: dict[Datatype, tuple[int, int]] = {"INT64": (-(1 << 63), (1 << 63) - 1), "UINT64": (0, (1 << 64) - 1)}
EDGES = st.sampled_from([1 << bits for bits in (53, 62, 63, 64, 70)]).flatmap(
    lambda edge: st.integers(edge - 2, edge + 2).flatmap(lambda number: st.sampled_from([number, -number]))
)
WHOLE = EDGES | st.integers(-3, 3) | st.integers(-(1 << 65), 1 << 65)


def as_given(numbers: list[int], form: str) -> Any:
    """Two whole numbers in a list, or in numpy's scalars or arrays if one of its datatypes has them."""
    if form == "scalars":
        return [next((kind(each) for kind in (np.int64, np.uint64) if fits(each, kind)), each) for each in numbers]
    kind = next((kind for kind in (np.int64, np.uint64) if all(fits(each, kind) for each in numbers)), None)
    return np.array(numbers, kind) if form == "array" and kind is not None else numbers


def fits(number: int, kind: type[np.integer[Any]]) -> bool:
    return int(np.iinfo(kind).min) <= number <= int(np.iinfo(kind).max)


@given(
    datatype=st.sampled_from(["INT64", "UINT64"]),
    rows=st.lists(
        st.tuples(st.lists(WHOLE, min_size=2, max_size=2), st.sampled_from(["list", "scalars", "array"])),
        min_size=1,
        max_size=4,
    ),
)
@example(datatype="UINT64", rows=[([(1 << 63) + 1, 0], "list"), ([(1 << 53) + 1, 7], "list")])
@example(datatype="UINT64", rows=[([(1 << 64) - 1, (1 << 53) + 1], "array")])
def test_whole_numbers_come_through_exactly_or_are_refused(
    datatype: Datatype, rows: list[tuple[list[int], str]]
) -> None:
    taken = OwnInput(TensorSpec("ids", datatype, (-1, 2)))
    least, most = RANGES[datatype]
    read = []
    for numbers, form in rows:
        if all(least <= each <= most for each in numbers):
            read.append(taken.array(as_given(numbers, form), "the row"))
            continue
        with pytest.raises(InvalidInput) as caught:
            taken.array(as_given(numbers, form), "row 7")
        assert caught.value.given == str(next(each for each in numbers if not least <= each <= most))
        assert caught.value.message == "row 7 gives a number out of the bounds of the model's input 'ids'"
    if read:
        inside = [numbers for numbers, _ in rows if all(least <= each <= most for each in numbers)]
        tensor = taken.stack(read)
        assert tensor.dtype == taken.spec.dtype
        assert tensor.tolist() == inside


@given(numbers=st.lists(WHOLE | st.floats(-1e300, 1e300), min_size=1, max_size=4))
def test_numbers_for_fp64_are_the_nearest(numbers: list[float]) -> None:
    taken = OwnInput(TensorSpec("x", "FP64", (-1, -1)))
    assert taken.array(numbers, "the row").tolist() == [float(each) for each in numbers]


@pytest.mark.parametrize(
    ("datatype", "value", "given_words"),
    [
        ("FP32", 1 << 200, "a whole number of 201 bits"), ("FP64", 1 << 20_000, "a whole number of 20001 bits"),
        ("INT8", -(1 << 20_000), "a whole number of 20001 bits"), ("INT64", 1 << 63, "9223372036854775808"),
        ("UINT64", -1, "-1"), ("FP32", 1e39, "1e+39"),
    ],
    ids=["FP32", "FP64", "INT8", "INT64", "UINT64", "a float"],
)  # fmt: skip
def test_a_number_beyond_the_datatype_is_said_in_a_few_characters(
    datatype: Datatype, value: float, given_words: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        OwnInput(TensorSpec("x", datatype, (-1,))).array(value, "the row")
    assert caught.value.given == given_words


@pytest.mark.parametrize("datatype", ["INT64", "UINT64", "UINT8", "FP16"])
def test_truth_values_are_0_and_1(datatype: Datatype) -> None:
    assert OwnInput(TensorSpec("x", datatype, (-1, 2))).array([True, False], "the row").tolist() == [1, 0]


@pytest.mark.parametrize(
    ("datatype", "value"),
    [
        ("INT64", [1.0, 1 << 63]), ("INT64", np.array([1.0, 2.0])), ("INT64", [np.float64(1), np.float64(2)]),
        ("UINT64", [None, 1]), ("FP32", [None, 1 << 70]), ("FP32", np.array(["a", 1], object)), ("BOOL", [1 << 70, 1]),
        ("UINT64", [[1 << 63, 1]]), ("FP32", [1 + 2j, 1]), ("INT64", np.array([], np.int64)),
    ],
)  # fmt: skip
def test_other_kinds_and_shapes_are_the_fault_of_the_task(datatype: Datatype, value: object) -> None:
    with pytest.raises(ModelFailed, match=f"and the model takes {datatype} of shape"):
        OwnInput(TensorSpec("x", datatype, (-1, 2))).array(value, "the row")


def test_an_array_that_the_task_changes_later_stays_as_it_was() -> None:
    buffer = np.array([1, 2], np.int64)
    row = OwnInput(TensorSpec("x", "INT64", (-1, 2))).array(buffer, "the row")
    buffer[:] = 7
    assert row.tolist() == [1, 2]
