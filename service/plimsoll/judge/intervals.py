"""Intervals of shares: of one, and of the difference between two that were counted on the same rows."""

from __future__ import annotations

import math

Z_95 = 1.959964
"""Both ends of an interval of 95 % together leave out 5 %."""
_Z_95_ABOVE = 1.644854
"""The upper end alone leaves out 5 %."""
_HALVINGS = 60


def wilson(share: float, total: float) -> tuple[float, float]:
    """The interval of 95 % of a share of `total` trials (E. B. Wilson, JASA 22, 1927)."""
    squared = Z_95 * Z_95 / total
    middle = (share + squared / 2) / (1 + squared)
    half = Z_95 / (1 + squared) * math.sqrt(share * (1 - share) / total + squared / (4 * total))
    low = middle - half if share > 0 else 0.0  # exactly; the difference of two equal numbers is not
    return max(0.0, low), min(1.0, middle + half)


def most_lost(lost: int, won: int, rows: int) -> float:
    """The share of rows that is lost at most, with 95 % confidence, net of those won.

    Of `rows` that two classifiers answered, only the first has `lost` right, and only the second has `won` right. It is
    the upper end of the score interval of a difference of paired shares (T. Tango, Statistics in Medicine 17, 1998).
    """
    low, high = (lost - won) / rows, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _score(lost, won, rows, middle) > -_Z_95_ABOVE:
            low = middle
        else:
            high = middle
    return high


def _score(lost: int, won: int, rows: int, loss: float) -> float:
    """The deviation of the counts from what a loss would give, in standard deviations under that loss."""
    linear = (2 * rows - lost + won) * loss - lost - won
    constant = -won * loss * (1 - loss)
    wins = (math.sqrt(linear * linear - 8 * rows * constant) - linear) / (4 * rows)  # its likeliest share
    variance = rows * (2 * wins + loss * (1 - loss))
    return (lost - won - rows * loss) / math.sqrt(variance) if variance > 0 else 0.0
