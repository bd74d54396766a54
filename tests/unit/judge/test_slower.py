from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.judge.slower import largest_shares, shares_if_slower, smoothed_shares

EDGES = (0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5)


def lognormal(median: float, spread: float = 0.6) -> list[float]:
    return [1 - NormalDist(np.log(median), spread).cdf(np.log(edge)) for edge in EDGES]


@pytest.mark.parametrize("slowdown", [0.1, 0.2, 0.5])
def test_a_slower_version_exceeds_each_edge_about_as_often_as_it_would(slowdown: float) -> None:
    found = shares_if_slower(np.array(lognormal(0.06)), EDGES, slowdown)
    really = np.array(lognormal(0.06 * (1 + slowdown)))
    np.testing.assert_allclose(found[2:6], really[2:6], rtol=0.18)


@given(st.lists(st.floats(0.001, 0.999), min_size=7, max_size=7), st.floats(0, 3))
def test_slower_answers_are_never_slower_less_often(shares: list[float], slowdown: float) -> None:
    falling = np.array(sorted(shares, reverse=True))
    found = shares_if_slower(falling, EDGES, slowdown)
    assert np.all(found >= falling - 1e-9)
    assert np.all((found > 0) & (found <= 1))


def test_shares_may_have_more_axes() -> None:
    shares = np.array([lognormal(0.06), lognormal(0.09)]).T
    found = shares_if_slower(shares, EDGES, 0.1)
    np.testing.assert_allclose(found[:, 1], shares_if_slower(shares[:, 1], EDGES, 0.1))


def test_one_edge_alone_says_nothing_about_slower_answers() -> None:
    assert shares_if_slower(np.array([0.2]), (0.1,), 0.5).tolist() == [0.2]


def test_smoothed_shares_are_never_0_or_1() -> None:
    assert smoothed_shares(np.array([0.0, 9.0, 9.0]), np.array([0.0, 0.0, 9.0])).tolist() == [0.5, 0.05, 0.95]


@given(st.floats(0.006, 0.6), st.floats(0.01, 1.5), st.floats(0, 0.5))
def test_a_version_slower_by_no_more_does_not_exceed_the_largest_share(
    median: float, spread: float, slowdown: float
) -> None:
    largest, _ = largest_shares(np.clip(lognormal(median, spread), 1e-6, 1 - 1e-6), EDGES, slowdown)
    really = np.array(lognormal(median * (1 + slowdown), spread))
    assert np.all(largest >= really - 2e-6)


@pytest.mark.parametrize(
    ("spread", "edges", "expected"), [(0.6, (2, 3, 4, 5), False), (0.3, (2, 3), False), (0.03, (2,), True)]
)
def test_the_shape_is_not_known_where_almost_all_answers_lie_in_one_bucket(
    spread: float, edges: tuple[int, ...], expected: bool
) -> None:
    steep = largest_shares(np.clip(lognormal(0.047, spread), 1e-5, 1 - 1e-5), EDGES, 0.1)[1]
    assert {bool(steep[edge]) for edge in edges} == {expected}


def test_largest_shares_may_have_more_axes_and_one_edge_knows_no_shape() -> None:
    shares = np.array([lognormal(0.06), lognormal(0.09, 0.1)]).clip(1e-5, 1 - 1e-5).T
    largest, steep = largest_shares(shares, EDGES, 0.1)
    for place in range(2):
        one, is_steep = largest_shares(shares[:, place], EDGES, 0.1)
        np.testing.assert_allclose(largest[:, place], one)
        assert steep[:, place].tolist() == is_steep.tolist()
    assert largest_shares(np.array([0.2]), (0.1,), 0.5)[0].tolist() == [1.0]
