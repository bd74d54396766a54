"""Figures of a model on held-out rows, with intervals by drawing the rows again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

DRAWS = 2000
METHOD = f"percentiles of {DRAWS} draws of the rows with replacement, 95 %"
_SEED = 26


@dataclass(frozen=True)
class Figure:
    """A figure of some rows with the ends of its 95 % interval."""

    value: float
    low: float
    high: float
    rows: int
    method: str = METHOD


def figure_of(measure: Callable[..., float], *columns: NDArray[Any]) -> Figure:
    """The figure that `measure` makes of some columns, one value a row in each."""
    rows = len(columns[0])
    random = np.random.default_rng(_SEED)
    draws = []
    for _ in range(DRAWS):
        drawn = random.integers(0, rows, rows)
        draws.append(measure(*(column[drawn] for column in columns)))
    low, high = np.quantile(draws, (0.025, 0.975))
    return Figure(round(measure(*columns), 6), round(float(low), 6), round(float(high), 6), rows)


def r_squared(truth: NDArray[Any], answer: NDArray[Any]) -> float:
    """The share of the variance that the answers explain."""
    return float(1 - np.square(truth - answer).sum() / np.square(truth - truth.mean()).sum())


def mean_error(truth: NDArray[Any], answer: NDArray[Any]) -> float:
    """The mean absolute error."""
    return float(np.abs(truth - answer).mean())


def area_under_curve(truth: NDArray[Any], score: NDArray[Any]) -> float:
    """The chance that a row of the class has a higher score than one of the other; equal scores count half."""
    _, place, count = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2)[place]
    ones = int(truth.sum())
    return float((ranks[truth.astype(bool)].sum() - ones * (ones + 1) / 2) / (ones * (len(truth) - ones)))
