"""The recorded counts of a rollout as CSV: what every rule gets to see, one row for a pod and an interval."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from plimsoll.judge.counts import Interval, PodCounts, TrackCounts

_FIELDS = ("start", "end", "weight", "track", "pod", "requests", "failed", "answered")
_SLOWER = "slower than "


def to_csv(intervals: Sequence[Interval]) -> str:
    """The rows of intervals, in their order; an interval in which no pod was read has none.

    Times are seconds since the first interval's start, so that the file names no date. `weight` is empty in mode
    `replicas`. Classes and guards are left out: the rules that are compared know neither.
    """
    if not intervals:
        raise ValueError("there are no intervals to write; was the rollout watched?")
    edges = sorted({edge for _, pod in _pods(intervals) for edge in pod.counts.slower})
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*_FIELDS, *(f"{_SLOWER}{edge:g}" for edge in edges)])
    zero = intervals[0].start_seconds
    for each in intervals:
        times = [f"{each.start_seconds - zero:.1f}", f"{each.end_seconds - zero:.1f}"]
        times.append("" if each.weight is None else f"{each.weight:g}")
        for track, pod in _pods([each]):
            counts = pod.counts
            numbers = [counts.requests, counts.failed, counts.answered, *(counts.slower.get(edge, 0) for edge in edges)]
            writer.writerow([*times, track, pod.pod, *(f"{number:.6g}" for number in numbers)])
    return text.getvalue()


def from_csv(text: str) -> tuple[Interval, ...]:
    """The intervals of such rows."""
    rows = csv.DictReader(io.StringIO(text))
    return tuple(_interval(list(group)) for _, group in groupby(rows, key=lambda row: (row["start"], row["end"])))


def _interval(rows: list[dict[str, str]]) -> Interval:
    pods: dict[str, list[PodCounts]] = {"canary": [], "stable": []}
    for row in rows:
        slower = {float(name.removeprefix(_SLOWER)): float(row[name]) for name in row if name.startswith(_SLOWER)}
        counts = TrackCounts(float(row["requests"]), float(row["failed"]), float(row["answered"]), slower)
        pods[row["track"]].append(PodCounts(row["pod"], counts))
    first = rows[0]
    weight = float(first["weight"]) if first["weight"] else None
    return Interval(
        float(first["start"]), float(first["end"]), weight, canary=tuple(pods["canary"]), stable=tuple(pods["stable"])
    )


def _pods(intervals: Iterable[Interval]) -> Iterator[tuple[str, PodCounts]]:
    for each in intervals:
        yield from (("canary", pod) for pod in each.canary)
        yield from (("stable", pod) for pod in each.stable)


class Sum(NamedTuple):
    """The counts of one track over some intervals."""

    requests: float
    failed: float
    answered: float
    slower: dict[float, float]

    def share_slower(self, edge: float) -> float:
        """Of the answered requests, those that took longer than an edge in seconds."""
        return self.slower.get(edge, 0.0) / self.answered if self.answered else 0.0

    def quantile(self, share: float) -> float | None:
        """That quantile of the duration in seconds, as `histogram_quantile` interpolates it; `None` without answers."""
        if not self.answered:
            return None
        wanted, low, below = share * self.answered, 0.0, 0.0
        for edge in sorted(self.slower):
            within = self.answered - self.slower[edge]
            if within >= wanted:
                return low + (edge - low) * (wanted - below) / (within - below) if within > below else edge
            low, below = edge, within
        return low


def summed(pods: Iterable[PodCounts]) -> Sum:
    """The counts of pods, added up."""
    requests = failed = answered = 0.0
    slower: dict[float, float] = {}
    for each in pods:
        requests += each.counts.requests
        failed += each.counts.failed
        answered += each.counts.answered
        for edge, count in each.counts.slower.items():
            slower[edge] = slower.get(edge, 0.0) + count
    return Sum(requests, failed, answered, slower)


def hurt_share(intervals: Sequence[Interval]) -> float:
    """The part of all requests that the canary made slow or failed, although stable would not have.

    Slow is an answer that takes longer than the first edge that at most 5 % of stable's answers exceed. Of the canary's
    requests those are taken off that would have been slow or failed with stable's shares; 0 if none are left.
    """
    canary = summed(pod for each in intervals for pod in each.canary)
    stable = summed(pod for each in intervals for pod in each.stable)
    if not canary.requests or not stable.requests:
        return 0.0
    edge = next((edge for edge in sorted(stable.slower) if stable.share_slower(edge) <= 0.05), None)
    slow = 0.0 if edge is None else (canary.share_slower(edge) - stable.share_slower(edge)) * canary.answered
    failed = canary.failed - canary.requests * stable.failed / stable.requests
    return (max(slow, 0.0) + max(failed, 0.0)) / (canary.requests + stable.requests)
