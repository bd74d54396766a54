"""The p95 and the error rate of a track, each with the interval in which it lies with 95 % confidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from plimsoll.judge.counts import Interval, TrackCounts
from plimsoll.judge.intervals import wilson

_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Figure:
    """A value and its interval of 95 % confidence; all `None` while nothing was counted."""

    value: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class TrackFigures:
    """The figures of a track: requests, p95 in seconds, and the share of requests that failed."""

    requests: float
    p95_seconds: Figure
    failed: Figure


def figures(intervals: Sequence[Interval], track: Literal["canary", "stable"], since_seconds: float) -> TrackFigures:
    """The figures of one track over the intervals that begin at `since_seconds` or later."""
    counted = [
        pod.counts
        for interval in intervals
        if interval.start_seconds >= since_seconds
        for pod in (interval.canary if track == "canary" else interval.stable)
    ]
    requests = sum(each.requests for each in counted)
    failed = sum(each.failed for each in counted)
    return TrackFigures(requests, _p95(counted), _share(failed, requests))


def _share(part: float, total: float) -> Figure:
    """A share with Wilson's interval."""
    if total <= 0:
        return Figure()
    share = part / total
    low, high = wilson(share, total)
    return Figure(share, low, high)


def _p95(counted: Sequence[TrackCounts]) -> Figure:
    """The value that 5 % exceed, interpolated between the edges; its interval is where Wilson's bounds of 5 % lie."""
    total = sum(each.answered for each in counted)
    slower: dict[float, float] = {}
    for each in counted:
        for edge, count in each.slower.items():
            slower[edge] = slower.get(edge, 0.0) + count
    if total <= 0 or not slower:
        return Figure()
    low, high = wilson(_SHARE, total)
    return Figure(*(_exceeded_by(slower, total, share) for share in (_SHARE, high, low)))


def _exceeded_by(slower: Mapping[float, float], total: float, share: float) -> float | None:
    """The value in seconds that this share of the requests exceeds; `None` if it is beyond the last edge."""
    edge_before, above_before = 0.0, 1.0
    for edge in sorted(slower):
        above = slower[edge] / total
        if above <= share:
            if above_before <= above:
                return edge
            return edge_before + (edge - edge_before) * (above_before - share) / (above_before - above)
        edge_before, above_before = edge, above
    return None
