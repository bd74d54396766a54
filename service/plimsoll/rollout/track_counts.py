"""Makes the counts of a judge from the series of a release's processes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from plimsoll.judge.counts import Interval, PodCounts, TrackCounts, Trials
from plimsoll.rollout.counter_increases import (
    Flags,
    Numbers,
    ProcessRecord,
    closing_points,
    guarded_increases,
    increases,
)
from plimsoll.rollout.history import HistoryUnavailable
from plimsoll.rollout.prometheus import Grid

Track = Literal["canary", "stable"]
Name = tuple[str, str]
"""A kind of series, and the edge or the class that it counts."""

_TOLERATED_EXCESS, _TOLERATED_SHARE = 5.0, 0.05
"""Good outcomes more than trials that a guard without a delay may have: two processes are not read at one moment."""
_REQUESTS, _FAILED, _REFUSED, _ANSWERED = ("requests", ""), ("failed", ""), ("refused", ""), ("within", "+Inf")
_COUNTED = ("requests", "failed", "refused", "within", "class")


@dataclass(frozen=True, slots=True)
class ProcessSeries:
    """The series of one process at the points of a grid, each [points].

    Counters are `requests`, `failed`, `refused`, `within` an edge, and of a `class`. `read` is the time of the scrape,
    `started` the start of the process, and `up` 0 where a scrape failed.
    """

    track: Track
    pod: str
    series: dict[Name, Numbers] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GuardSeries:
    """One series of a guard's expression at the points of a grid, [points]; `pod` is empty where it has none.

    It counts only from `delay_seconds` after the first point.
    """

    guard: str
    kind: Literal["good", "total"]
    track: Track
    pod: str
    values: Numbers
    delay_seconds: float = 0.0


@dataclass(slots=True)
class _Pod:
    """The increases of a pod, each [points], and where it was there."""

    there: Flags
    counters: dict[Name, Numbers]

    def counts(self, point: int, guards: dict[str, Trials]) -> TrackCounts:
        answered = self._at(_ANSWERED, point)
        return TrackCounts(
            requests=self._at(_REQUESTS, point),
            failed=self._at(_FAILED, point),
            refused=self._at(_REFUSED, point),
            answered=answered,
            slower={
                float(of): max(0.0, answered - float(rises[point]))
                for (kind, of), rises in self.counters.items()
                if kind == "within" and of != "+Inf"
            },
            classes={of: float(rises[point]) for (kind, of), rises in self.counters.items() if kind == "class"},
            guards=guards,
        )

    def _at(self, name: Name, point: int) -> float:
        return float(self.counters[name][point]) if name in self.counters else 0.0


def intervals_of(
    grid: Grid, weight: float | None, processes: Sequence[ProcessSeries], guards: Sequence[GuardSeries]
) -> list[Interval]:
    """The intervals between the points of a grid.

    One that ends where something that lives has not been read again has no pods; its requests are in the next one that
    has. The trials of guards are those of a track, and lie with the first of its pods.

    Raises:
        HistoryUnavailable: the outcomes of a guard come later than its trials, and by more than its delay allows for.
    """
    times = grid.start_seconds + grid.step_seconds * np.arange(grid.points, dtype=np.float64)
    living = [each for each in processes if ("read", "") in each.series]
    closes = closing_points(times, [each.series["read", ""] for each in living], _unreadable(processes, grid.points))
    pods: dict[Track, dict[str, _Pod]] = {"canary": {}, "stable": {}}
    for process in living:
        _add(pods[process.track], process, times, closes)
    young = {each.pod for each in living if _is_younger(each, times[0])}
    trials = {track: _trials([each for each in guards if each.track == track], times, closes, young) for track in pods}
    baseline = int(np.argmax(closes)) if closes.any() else grid.points

    def of_track(track: Track, point: int) -> tuple[PodCounts, ...]:
        if not closes[point] or point <= baseline:
            return ()
        there = [(name, pod) for name, pod in sorted(pods[track].items()) if pod.there[point]]
        first = {name: Trials(float(total[point]), float(bad[point])) for name, (total, bad) in trials[track].items()}
        return tuple(
            PodCounts(name, pod.counts(point, first if number == 0 else {})) for number, (name, pod) in enumerate(there)
        )

    return [
        Interval(
            start_seconds=float(times[point - 1]),
            end_seconds=float(times[point]),
            weight=weight,
            canary=of_track("canary", point),
            stable=of_track("stable", point),
        )
        for point in range(1, grid.points)
    ]


def _unreadable(processes: Iterable[ProcessSeries], points: int) -> Flags:
    """The points at which a track has processes, and none of them could be read."""
    seen: dict[Track, Flags] = {}
    failed: dict[Track, Flags] = {}
    nowhere = np.full(points, np.nan)
    for process in processes:
        there = ~np.isnan(process.series.get(("read", ""), nowhere))
        down = process.series.get(("up", ""), nowhere) == 0
        seen[process.track] = seen.get(process.track, np.zeros(points, dtype=np.bool_)) | there
        failed[process.track] = failed.get(process.track, np.zeros(points, dtype=np.bool_)) | (down & ~there)
    result = np.zeros(points, dtype=np.bool_)
    for track, down in failed.items():
        result |= down & ~seen[track]
    return result


def _add(pods: dict[str, _Pod], process: ProcessSeries, times: Numbers, closes: Flags) -> None:
    """Add the increases of a process to those of its pod."""
    names = [name for name in process.series if name[0] in _COUNTED]
    read_at = process.series["read", ""]
    unknown = np.full(len(times), np.nan)
    values = np.stack([process.series[name] for name in names], axis=1) if names else np.empty((len(times), 0))
    record = ProcessRecord(read_at, process.series.get(("started", ""), unknown), values)
    rises = increases(record, times, closes)
    there = ~np.isnan(read_at) | (rises > 0).any(axis=1)
    pod = pods.setdefault(process.pod, _Pod(np.zeros(len(times), dtype=np.bool_), {}))
    pod.there |= there
    for place, name in enumerate(names):
        pod.counters[name] = pod.counters[name] + rises[:, place] if name in pod.counters else rises[:, place]


def _is_younger(process: ProcessSeries, start_seconds: float) -> bool:
    started = process.series.get(("started", ""))
    return started is not None and bool(np.nanmin(started, initial=np.inf) >= start_seconds)


def _trials(
    guards: Sequence[GuardSeries], times: Numbers, closes: Flags, young: set[str]
) -> dict[str, tuple[Numbers, Numbers]]:
    """The total and bad trials of each guard of one track, each [points]; 0 where one of its series fell."""
    sums: dict[tuple[str, str], Numbers] = {}
    useless: dict[str, Flags] = {}
    delays = {each.guard: each.delay_seconds for each in guards}
    for each in guards:
        early = times < times[0] + each.delay_seconds
        values = np.where(early, np.nan, each.values)
        is_new = each.pod in young and not np.isfinite(each.values[early]).any()
        rises, fell = guarded_increases(values, closes, from_zero=is_new)
        key = (each.guard, each.kind)
        sums[key] = sums.get(key, np.zeros(len(closes))) + rises
        useless[each.guard] = useless.get(each.guard, np.zeros(len(closes), dtype=np.bool_)) | fell
    found = {}
    for guard, fell in useless.items():
        zero = np.zeros(len(closes))
        total = np.where(fell, 0.0, sums.get((guard, "total"), zero))
        good = np.where(fell, 0.0, sums.get((guard, "good"), zero))
        if not delays[guard]:
            _require_prompt(guard, total, good)
        found[guard] = (total, _bad(total, good))
    return found


def _require_prompt(guard: str, total: Numbers, good: Numbers) -> None:
    """Refuse a guard with more good outcomes than trials: while outcomes are on their way, a new canary lacks them."""
    excess = float(np.maximum(good - total, 0.0).sum())
    if excess > max(_TOLERATED_EXCESS, _TOLERATED_SHARE * float(good.sum())):
        raise HistoryUnavailable(
            f"the guard {guard} has intervals with more good outcomes than trials ({excess:.0f} of {good.sum():.0f}), "
            "so outcomes come later than their trials, and a new canary would look worse than it is; count a trial "
            "when its outcome is known, or name the time after which nearly all are known, as in --guard "
            f"{guard}@10m=..."
        )


def _bad(total: Numbers, good: Numbers) -> Numbers:
    """The bad trials, [points]: a good outcome that comes after its trial makes up for a later one that has none yet.

    Cut off in each interval at 0 instead, chance alone would add bad trials, and most to the track with fewest trials.
    """
    missing = np.cumsum(total - good)
    return np.diff(np.maximum.accumulate(np.maximum(missing, 0.0)), prepend=0.0)
