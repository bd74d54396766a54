from __future__ import annotations

import numpy as np
import pytest
from plimsoll.bundle.manifest import Golden
from plimsoll.runtime.answer_difference import difference, words_for

GOLDEN = Golden(file="golden.safetensors", absolute_tolerance=0.01, relative_tolerance=0.1)
EXACT = Golden(file="golden.safetensors", absolute_tolerance=0, relative_tolerance=0)
EPSILON = float(np.finfo(np.float32).eps)


def of(*numbers: float) -> np.ndarray:
    return np.array([numbers], np.float32)


def test_what_the_tolerance_allows_is_no_difference() -> None:
    assert difference(of(1, 2), of(1, 2), EXACT) is None
    assert difference(of(1.1, 0), of(1, 0.009), GOLDEN) is None
    assert difference(of(1.2, 0), of(1, 0.009), GOLDEN) == pytest.approx(0.2)


def test_roundings_count_by_the_largest_number_of_the_row() -> None:
    assert difference(of(100, 15 * 100 * EPSILON), of(100, 0), EXACT) is None
    assert difference(of(100, 17 * 100 * EPSILON), of(100, 0), EXACT) is not None
    assert difference(of(100, 17 * 100 * EPSILON), of(100, 0), EXACT, coarsest_rounding=2 * EPSILON) is None


@pytest.mark.parametrize("rounding", [2.0**-3, 2.0**-2, 0.5])
def test_no_datatype_is_so_coarse_that_the_comparison_cannot_fail(rounding: float) -> None:
    assert difference(of(100, 24), of(100, 0), EXACT, coarsest_rounding=rounding) is None
    assert difference(of(100, 26), of(100, 0), EXACT, coarsest_rounding=rounding) == 26
    assert difference(of(-100, 0), of(100, 0), EXACT, coarsest_rounding=rounding) == 200


def test_eight_bits_and_bfloat16_are_allowed_an_eighth() -> None:
    assert difference(of(100, 12), of(100, 0), EXACT, coarsest_rounding=2.0**-7) is None
    assert difference(of(100, 13), of(100, 0), EXACT, coarsest_rounding=2.0**-7) == 13


def test_whole_numbers_and_what_is_not_finite_are_not_rounded() -> None:
    assert difference(np.array([[7]]), np.array([[8]]), EXACT) == 1
    assert difference(of(np.nan), of(1), GOLDEN) == np.inf


def test_the_tolerance_in_words() -> None:
    assert words_for(GOLDEN) == "0.01 + 0.1 x |expected|"
