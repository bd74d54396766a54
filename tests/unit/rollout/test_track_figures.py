from __future__ import annotations

import pytest
from plimsoll.judge.counts import Interval, PodCounts, TrackCounts
from plimsoll.rollout.track_figures import Figure, figures


def interval(start: float, counts: TrackCounts) -> Interval:
    return Interval(start, start + 15, 0.25, (PodCounts("c", counts),), (PodCounts("s", TrackCounts()),))


COUNTS = TrackCounts(requests=1000, failed=20, answered=1000, slower={0.05: 100.0, 0.1: 50.0, 0.2: 0.0})


def test_the_p95_is_exceeded_by_a_twentieth_and_lies_in_its_interval() -> None:
    found = figures([interval(100, COUNTS)], "canary", 100).p95_seconds
    assert found.value == pytest.approx(0.1)
    assert found.low is not None
    assert found.high is not None
    assert 0.05 < found.low < 0.1 < found.high < 0.2


def test_a_share_has_wilsons_interval() -> None:
    found = figures([interval(100, COUNTS)], "canary", 100).failed
    assert found.value == 0.02
    assert (round(found.low or 0, 4), round(found.high or 0, 4)) == (0.0130, 0.0307)


def test_only_the_present_step_counts() -> None:
    assert figures([interval(50, COUNTS)], "canary", 100).requests == 0


def test_without_requests_there_are_no_figures() -> None:
    found = figures([interval(100, COUNTS)], "stable", 100)
    assert (found.requests, found.p95_seconds, found.failed) == (0, Figure(), Figure())


def test_a_p95_beyond_the_last_edge_is_not_known() -> None:
    slow = TrackCounts(requests=10, answered=10, slower={0.1: 10.0})
    assert figures([interval(100, slow)], "canary", 100).p95_seconds.value is None
