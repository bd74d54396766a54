"""The counts that the judge compares: of each pod of a release, in one interval of time after the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, slots=True)
class Trials:
    """A number of trials, and those that ended badly: were slower than an edge, failed, or got a certain class."""

    total: float
    bad: float


@dataclass(frozen=True, slots=True)
class TrackCounts:
    """The counts of one track in one interval. Increases of counters, so 0 or more; not always whole numbers.

    `slower` has, for each edge of the duration histogram in seconds, the answered requests that took longer.
    `answered` is their total: all requests that the histogram has counted. `requests` is the number of all requests,
    of which `failed` failed by the server's fault, or were left by their clients, and `refused` were refused as wrong
    (4xx but 401, 403, 429 and 499). `classes` has the answered predictions by class; `guards` the
    trials of each `--guard` by its name.
    """

    requests: float = 0.0
    failed: float = 0.0
    answered: float = 0.0
    slower: Mapping[float, float] = field(default_factory=dict)
    classes: Mapping[str, float] = field(default_factory=dict)
    guards: Mapping[str, Trials] = field(default_factory=dict)
    refused: float = 0.0


@dataclass(frozen=True, slots=True)
class PodCounts:
    """The counts of one pod in one interval; `pod` is its name."""

    pod: str
    counts: TrackCounts


@dataclass(frozen=True, slots=True)
class Interval:
    """The counts of both tracks between two looks at the counters, at one weight of the canary.

    Times are seconds since 1970. `weight` is the share of the requests that the canary is to get, between 0 and 1;
    `None` where the number of pods decides and no weight is set (mode `replicas`). An interval in which a track could
    not be read has no pods for it, and says nothing; the next one may have the increases of both.
    """

    start_seconds: float
    end_seconds: float
    weight: float | None
    canary: tuple[PodCounts, ...]
    stable: tuple[PodCounts, ...]


def usable(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """The intervals that can be counted, in the order of time: those whose numbers are all finite and 0 or more."""
    kept = (each for each in intervals if _is_usable(each))
    return tuple(sorted(kept, key=lambda each: each.start_seconds))


def _is_usable(interval: Interval) -> bool:
    numbers = [interval.start_seconds, interval.end_seconds]
    if interval.weight is not None:
        numbers += [interval.weight, 1 - interval.weight]
    for pod in (*interval.canary, *interval.stable):
        counts = pod.counts
        numbers += [counts.requests, counts.failed, counts.answered, counts.refused]
        numbers += [*counts.slower, *counts.slower.values(), *counts.classes.values()]
        for trials in counts.guards.values():
            numbers += [trials.total, trials.bad]
    found = np.array(numbers)
    return bool(((found >= 0) & (found < np.inf)).all())
