from __future__ import annotations

import itertools

import numpy as np
import pytest

from training.bootstrap import area_under_curve, figure_of, mean_error, r_squared


def test_the_area_under_the_curve_is_the_share_of_pairs_in_the_right_order() -> None:
    random = np.random.default_rng(0)
    truth, score = random.integers(0, 2, 60), random.integers(0, 10, 60).astype(float)
    pairs = itertools.product(score[truth == 1], score[truth == 0])
    shares = [float(one > other) + 0.5 * float(one == other) for one, other in pairs]
    assert area_under_curve(truth, score) == pytest.approx(np.mean(shares))


def test_figures_of_a_regression() -> None:
    truth = np.array([1.0, 2, 3, 4])
    assert (r_squared(truth, truth), mean_error(truth, truth)) == (1, 0)
    assert r_squared(truth, np.full(4, truth.mean())) == 0
    assert mean_error(truth, truth + np.array([1, -1, 0, 0])) == 0.5


def test_the_interval_of_a_mean_is_that_of_theory_and_the_same_each_time() -> None:
    rows = np.random.default_rng(1).normal(0, 1, 400)
    figure = figure_of(lambda column: float(column.mean()), rows)
    assert figure == figure_of(lambda column: float(column.mean()), rows)
    assert [figure.low, figure.high] == pytest.approx([rows.mean() - 0.098, rows.mean() + 0.098], abs=0.02)
    assert figure.rows == 400
