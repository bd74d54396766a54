from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.inference.payloads import Datatype, TensorSpec
from plimsoll.inference.tensor_bounds import TensorBounds

NUMBERS = st.floats(width=32, allow_nan=False, allow_infinity=False)


def bounds(datatype: Datatype, minimum: float | None = None, maximum: float | None = None) -> TensorBounds:
    return TensorBounds(TensorSpec("x", datatype, (-1, 2), minimum, maximum))


@given(minimum=NUMBERS, maximum=NUMBERS, numbers=st.lists(NUMBERS, min_size=2, max_size=2))
def test_a_tensor_is_within_exactly_when_each_number_is(minimum: float, maximum: float, numbers: list[float]) -> None:
    minimum, maximum = sorted((minimum, maximum))
    within = bounds("FP32", minimum, maximum)
    tensor = np.array([numbers], np.float32)
    fits = [minimum <= number <= maximum for number in numbers]
    assert within.hold(tensor) == all(fits)
    assert within.first_outside(tensor) == (None if all(fits) else (0, fits.index(False)))


@given(bound=st.floats(-1e30, 1e30))
def test_rounding_to_the_precision_keeps_a_bound_within_itself(bound: float) -> None:
    assert bounds("FP32", bound, bound).hold(np.array([[bound, bound]], np.float32))
    within = bounds("FP32", bound, bound)
    if within.low <= bound <= within.high:
        assert float(np.float32(bound)) == bound


def test_a_number_that_bf16_would_round_to_infinity_is_outside() -> None:
    within = bounds("BF16")
    largest = np.float32(torch.finfo(torch.bfloat16).max)
    assert within.hold(np.array([[largest, -largest]], np.float32))
    assert not within.hold(np.array([[0, np.nextafter(largest, np.float32(np.inf))]], np.float32))


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("datatype", ["FP16", "FP32", "FP64"])
def test_a_number_that_is_not_finite_is_always_outside(number: float, datatype: Datatype) -> None:
    within = bounds(datatype)
    assert within.first_outside(np.array([[0, number]], within_dtype(datatype))) == (0, 1)


def within_dtype(datatype: Datatype) -> np.dtype[Any]:
    return TensorSpec("x", datatype, (-1,)).dtype


@given(
    datatype=st.sampled_from(["INT64", "UINT64"]),
    bound=st.integers(2**53 - 4, 2**64 - 1),
    off=st.integers(-2, 2),
)
def test_whole_numbers_beyond_those_of_floats_are_compared_exactly(datatype: Datatype, bound: int, off: int) -> None:
    limits = np.iinfo(within_dtype(datatype))
    number = min(bound + off, int(limits.max))
    tensor = np.array([[number, number]], limits.dtype)
    assert bounds(datatype, maximum=bound).hold(tensor) == (number <= bound)
    assert bounds(datatype, minimum=bound).hold(tensor) == (number >= bound)


@pytest.mark.parametrize(
    ("datatype", "minimum", "maximum", "good", "bad"),
    [("INT8", -1000, 5, [-128, 5], [0, 6]), ("UINT64", 1.5, None, [2, 3], [1, 2]), ("BOOL", None, True, [0, 1], None)],
)
def test_whole_numbers_are_compared_with_the_bound_itself(
    datatype: Datatype, minimum: float | None, maximum: float | None, good: list[int], bad: list[int] | None
) -> None:
    within = bounds(datatype, minimum, maximum)
    dtype = TensorSpec("x", datatype, (-1,)).dtype
    assert within.hold(np.array([good], dtype))
    assert bad is None or not within.hold(np.array([bad], dtype))


def test_a_bound_beyond_the_datatype_bounds_nothing_and_an_empty_tensor_is_within() -> None:
    assert bounds("FP32", -1e39, 1e39).hold(np.array([[-3e38, 3e38]], np.float32))
    assert bounds("FP32", 0, 1).hold(np.empty((0, 2), np.float32))
