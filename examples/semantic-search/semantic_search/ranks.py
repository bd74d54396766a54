"""Measures of a search from the ranks of the right answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

_DRAWS = 2000


@dataclass(frozen=True)
class Report:
    """Mean reciprocal rank with its 95 % interval, and the shares of queries answered first and among the first ten."""

    queries: int
    mrr: float
    mrr_low: float
    mrr_high: float
    recall_at_1: float
    recall_at_10: float

    def rounded(self) -> dict[str, float]:
        """The numbers as they are printed."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


def report(ranks: Sequence[int | None]) -> Report:
    """The measures; a rank counts from 1, and is None where the right answer is not among the results.

    The interval is a percentile bootstrap over the queries with a fixed seed.
    """
    reciprocal = np.array([0.0 if rank is None else 1 / rank for rank in ranks])
    drawn = np.random.default_rng(0).choice(reciprocal, (_DRAWS, len(ranks))).mean(axis=1)
    low, high = np.percentile(drawn, (2.5, 97.5))
    first, first_ten = (float(np.mean(reciprocal >= 1 / most)) for most in (1, 10))
    return Report(len(ranks), float(reciprocal.mean()), float(low), float(high), first, first_ten)
