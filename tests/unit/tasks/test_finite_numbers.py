from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from plimsoll.tasks.finite_numbers import all_finite, extremes, not_finite, place_beyond_floats

SHAPES = arrays.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=70)
FLOATS = st.sampled_from([np.float16, np.float32, np.float64])
ARRAYS = FLOATS.flatmap(lambda dtype: arrays.arrays(dtype, SHAPES))


@given(ARRAYS, st.booleans())
def test_extremes_and_finiteness_are_those_of_numpy(numbers: NDArray[Any], turned: bool) -> None:
    numbers = numbers.T if turned else numbers
    with np.errstate(invalid="ignore"):
        least, greatest = float(numbers.min()), float(numbers.max())
    assert np.array_equal(extremes(numbers), (least, greatest), equal_nan=True)
    assert all_finite(numbers) == bool(np.isfinite(numbers).all())


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("wrong", [math.nan, -math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("length", [1, 7, 64, 1000])
def test_one_number_that_is_not_finite_is_found_wherever_it_is(dtype: type, wrong: float, length: int) -> None:
    for place in {0, 1 % length, length // 2, length - 1}:
        numbers = np.linspace(-1, 1, length, dtype=dtype)
        numbers[place] = wrong
        assert not all_finite(numbers)
        assert not_finite(numbers[:, np.newaxis]).index == (place if length > 1 else None)


def test_no_numbers_are_finite() -> None:
    assert all_finite(np.zeros((0, 4), np.float32))


def test_the_place_of_a_number_that_no_float_can_hold() -> None:
    assert place_beyond_floats([[1, 2.5], [3, 10**400]]) == [1, 1]
    assert place_beyond_floats([[1, 2.5], [3, 10**300]]) is None
