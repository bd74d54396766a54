"""The bounds by which the end-to-end tests judge a share."""

from __future__ import annotations

import math
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from tests.e2e.share import ALPHA, counts_by_chance


@given(st.integers(1, 300), st.integers(1, 99))
def test_what_lies_within_is_all_but_alpha_and_no_more_than_that(requests: int, percent: int) -> None:
    share = Fraction(percent, 100)
    chances = [math.comb(requests, k) * share**k * (1 - share) ** (requests - k) for k in range(requests + 1)]
    within = counts_by_chance(requests, percent / 100)
    assert sum(chances[within.start : within.stop]) >= 1 - Fraction(ALPHA)
    for tail in (chances[: within.start + 1], chances[within.stop - 1 :]):
        assert float(sum(tail)) >= ALPHA / 2 * (1 - 1e-6)
