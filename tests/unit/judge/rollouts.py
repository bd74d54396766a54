"""Rollouts with counts as one would expect them, without chance, for the tests of the judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from plimsoll.judge.counts import Interval, PodCounts, TrackCounts, Trials

EDGES = (0.05, 0.1, 0.25, 0.5)
USUAL = (0.6, 0.2, 0.01, 0.002)
"""The shares of stable's answers slower than each edge."""
SLOW = (0.8, 0.45, 0.06, 0.008)


def counts(
    requests: float,
    slower: Sequence[float] = USUAL,
    failed: float = 0.0,
    classes: Mapping[str, float] | None = None,
    guards: Mapping[str, Trials] | None = None,
) -> TrackCounts:
    """The counts of so many requests; `failed`, `slower` and `classes` are shares of them."""
    return TrackCounts(
        requests=requests,
        failed=requests * failed,
        answered=requests,
        slower={edge: requests * share for edge, share in zip(EDGES, slower, strict=True)},
        classes={name: requests * share for name, share in (classes or {}).items()},
        guards=guards or {},
    )


def rollout(canary: TrackCounts, stable: TrackCounts, intervals: int, weight: float | None = 0.1) -> list[Interval]:
    """Intervals of 15 seconds from 1000 on: one pod of the canary, and three that share the counts of stable alike."""
    return [
        Interval(
            1000 + 15 * number,
            1015 + 15 * number,
            weight,
            (PodCounts("canary-a", canary),),
            tuple(PodCounts(f"stable-{name}", part_of(stable, 1 / 3)) for name in "abc"),
        )
        for number in range(intervals)
    ]


def part_of(whole: TrackCounts, part: float) -> TrackCounts:
    """A part of the counts."""
    return replace(
        whole,
        requests=whole.requests * part,
        failed=whole.failed * part,
        answered=whole.answered * part,
        refused=whole.refused * part,
        slower={edge: each * part for edge, each in whole.slower.items()},
        classes={name: each * part for name, each in whole.classes.items()},
        guards={name: Trials(each.total * part, each.bad * part) for name, each in whole.guards.items()},
    )
