from __future__ import annotations

from dataclasses import replace
from math import inf, nan

import pytest
from plimsoll.judge.counts import Interval, PodCounts, TrackCounts, Trials, usable

from tests.unit.judge.rollouts import counts, rollout

BAD_COUNTS = {
    "requests": replace(counts(9), requests=nan),
    "failed": replace(counts(9), failed=-1e-9),
    "answered": replace(counts(9), answered=inf),
    "refused": replace(counts(9), refused=nan),
    "an edge": replace(counts(9), slower={nan: 1.0}),
    "slower": replace(counts(9), slower={0.1: -inf}),
    "a class": replace(counts(9), classes={"a": nan}),
    "a guard": replace(counts(9), guards={"a": Trials(nan, 0.0)}),
    "bad of a guard": replace(counts(9), guards={"a": Trials(1.0, -1.0)}),
}


@pytest.mark.parametrize("bad", BAD_COUNTS)
@pytest.mark.parametrize("track", ["canary", "stable"])
def test_an_interval_with_a_number_that_cannot_be_counted_is_left_out(bad: str, track: str) -> None:
    good = rollout(counts(30), counts(270), 3)
    pods: tuple[PodCounts, ...] = (PodCounts("p", counts(5)), PodCounts("q", BAD_COUNTS[bad]))
    broken = replace(good[1], canary=pods) if track == "canary" else replace(good[1], stable=pods)
    assert usable([good[0], broken, good[2]]) == (good[0], good[2])


@pytest.mark.parametrize("weight", [-0.1, 1.1, nan])
def test_an_interval_with_an_impossible_weight_is_left_out(weight: float) -> None:
    assert usable([Interval(0.0, 15.0, weight, (), ())]) == ()


def test_intervals_come_in_the_order_of_time() -> None:
    good = rollout(counts(30), TrackCounts(), 4, weight=None)
    assert usable(good[::-1]) == tuple(good)
