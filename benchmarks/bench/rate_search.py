"""The greatest rate that a server still answers in time, found by halving. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable

LOWEST, HIGHEST = 0.05, 1.3
"""Of the peak in closed loop: between these the rate is looked for."""
TRIALS = 7
"""They narrow the factor between the ends, 26, to one of 1.03."""


def greatest_rate(meets: Callable[[float], bool], peak: float, trials: int = TRIALS) -> float:
    """The highest rate that was tried and met, around the peak of a server; 0 where none met.

    The middle of each step is the geometric mean, so that every server is measured to the same factor.
    """
    low, high, found = LOWEST * peak, HIGHEST * peak, 0.0
    for _ in range(trials):
        middle = math.sqrt(low * high)
        if meets(middle):
            low = found = middle
        else:
            high = middle
    return found
