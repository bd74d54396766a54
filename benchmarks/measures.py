"""Numbers that stand for many: quantiles of latencies, and whether memory stays flat. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

MEBIBYTE = 1 << 20
_WINDOW = 0.1
"""Of the whole time: how much is looked at for what memory was at one point of it."""


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all do not exceed; NaN where there is none."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    rank = -int(-share * len(ordered) // 1)  # rounded up
    return ordered[min(max(rank, 1), len(ordered)) - 1]


def in_turn(names: Sequence[str], number: int) -> list[str]:
    """The names in the order of round `number`, each of them first in some round."""
    first = number % len(names) if names else 0
    return [*names[first:], *names[:first]]


@dataclass(frozen=True, slots=True)
class MemoryTrend:
    """What became of a process's memory once it had settled; bytes, and bytes per second."""

    early: float
    late: float
    slope: float
    peak: float

    @property
    def growth(self) -> float:
        """How much more there is at the end, as a share of what there was."""
        return self.late / self.early - 1


def memory_trend(samples: Sequence[tuple[float, float]], settling: float) -> MemoryTrend:
    """The trend of samples (seconds, bytes), of whose time the first part, `settling` of it, is not looked at.

    A median stands for each end, so that one batch more or less at work does not count; the slope is that of the least
    squares.
    """
    start, end = samples[0][0], samples[-1][0]
    length = end - start
    settled = [(at, size) for at, size in samples if at >= start + settling * length]
    early = [size for at, size in settled if at <= start + (settling + _WINDOW) * length]
    late = [size for at, size in settled if at >= end - _WINDOW * length]
    slope = statistics.linear_regression(*zip(*settled, strict=True)).slope
    return MemoryTrend(statistics.median(early), statistics.median(late), slope, max(size for _, size in settled))
