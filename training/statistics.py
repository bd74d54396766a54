"""How sure a figure is, and whether two models differ; nothing here needs more than the standard library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

WILSON = "Wilson score interval, 95 %"


@dataclass(frozen=True)
class Proportion:
    """A share of rows with the ends of its 95 % interval."""

    value: float
    low: float
    high: float
    rows: int
    method: str = WILSON


@dataclass(frozen=True)
class McNemar:
    """An exact McNemar test of two classifiers on the same rows."""

    only_first: int
    """Rows that only the first classifier has right, often called b."""
    only_second: int
    """Rows that only the second classifier has right, often called c."""
    p: float
    """Two-sided."""


def wilson_interval(hits: int, rows: int, confidence: float = 0.95) -> tuple[float, float]:
    """The ends of the Wilson score interval of a proportion, without continuity correction.

    Raises:
        ValueError: when there are no rows, or more hits than rows.
    """
    if not 0 <= hits <= rows or rows == 0:
        raise ValueError(f"{hits} of {rows} is no proportion")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = hits / rows
    centre = share + z * z / (2 * rows)
    reach = z * math.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows))
    whole = 1 + z * z / rows
    low = 0.0 if hits == 0 else (centre - reach) / whole
    high = 1.0 if hits == rows else (centre + reach) / whole
    return low, high


def proportion(right: Sequence[bool]) -> Proportion:
    """The share of rows that are right."""
    hits = sum(right)
    low, high = wilson_interval(hits, len(right))
    return Proportion(hits / len(right), low, high, len(right))


def mcnemar_exact(first_right: Sequence[bool], second_right: Sequence[bool]) -> McNemar:
    """Test whether two classifiers are right equally often.

    Under that hypothesis each row that only one of them has right is a toss of a fair coin.

    Raises:
        ValueError: when the two do not have the same rows.
    """
    pairs = list(zip(first_right, second_right, strict=True))
    only_first = sum(first and not second for first, second in pairs)
    only_second = sum(second and not first for first, second in pairs)
    tosses = only_first + only_second
    tail = sum(math.comb(tosses, heads) for heads in range(min(only_first, only_second) + 1))
    return McNemar(only_first, only_second, min(1.0, 2 * tail / 2**tosses))
