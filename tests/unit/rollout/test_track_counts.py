from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.judge.counts import Interval, Trials
from plimsoll.rollout.counter_increases import Numbers
from plimsoll.rollout.history import HistoryUnavailable
from plimsoll.rollout.prometheus import Grid
from plimsoll.rollout.track_counts import GuardSeries, ProcessSeries, Track, intervals_of

NAN = float("nan")
START, STEP = 1000.0, 15.0
Column = list[float]


def grid(points: int) -> Grid:
    return Grid(START, STEP, points)


def scraped(points: int, second: float = 14.0) -> Numbers:
    """The times of scrapes so many seconds into each step."""
    return START + STEP * (np.arange(points, dtype=np.float64) - 1) + second


def process(
    track: Track,
    pod: str,
    requests: Column,
    read: Column | Numbers | None = None,
    **more: Mapping[str, Column] | Column,
) -> ProcessSeries:
    """A process by its requests; `within`, `classes`, `up`, `started` and `failed` where a test needs them."""
    series = {("requests", ""): np.array(requests)}
    there = scraped(len(requests)) if read is None else np.array(read)
    series["read", ""] = np.where(np.isnan(requests), NAN, there)
    for name, one in more.items():
        of = one if isinstance(one, Mapping) else {"": one}
        kind = "class" if name == "classes" else name
        series |= {(kind, label): np.array(column) for label, column in of.items()}
    return ProcessSeries(track, pod, series)


def requests(intervals: list[Interval], track: str) -> list[float | None]:
    """The requests of a track in each interval, `None` where it has no pods."""
    return [
        sum(pod.counts.requests for pod in getattr(each, track)) if getattr(each, track) else None for each in intervals
    ]


def test_the_counts_of_a_pod_are_those_of_its_interval() -> None:
    within = {"0.1": [0.0, 5], "0.5": [0.0, 8], "+Inf": [0.0, 9]}
    stable = process(
        "stable", "s", [100, 110], within=within, failed=[3, 4], refused=[0, 2], classes={"a": [1, 6], "b": [2, 5]}
    )
    (interval,) = intervals_of(grid(2), 0.25, [process("canary", "c", [0, 3]), stable], [])
    assert (interval.start_seconds, interval.end_seconds, interval.weight) == (1000, 1015, 0.25)
    ((name, counts),) = [(pod.pod, pod.counts) for pod in interval.stable]
    assert (name, counts.requests, counts.failed, counts.refused, counts.answered) == ("s", 10, 1, 2, 9)
    assert counts.slower == {0.1: 4, 0.5: 1}
    assert counts.classes == {"a": 5, "b": 3}


def test_an_edge_that_a_process_does_not_have_is_not_made_up() -> None:
    canary = process("canary", "c", [0, 3], within={"0.1": [0, 1], "+Inf": [0, 3]})
    stable = process("stable", "s", [0, 3], within={"0.2": [0, 1], "+Inf": [0, 3]})
    (interval,) = intervals_of(grid(2), None, [canary, stable], [])
    assert [list(pod.counts.slower) for pod in (*interval.canary, *interval.stable)] == [[0.1], [0.2]]


def test_a_container_that_restarts_in_its_pod_is_the_same_pod() -> None:
    first = process("canary", "c", [5, 7, NAN], started=[0, 0, NAN])
    second = process("canary", "c", [NAN, NAN, 4], started=[NAN, NAN, START + 20])
    found = intervals_of(grid(3), 0.5, [first, second, process("stable", "s", [0, 1, 2])], [])
    assert [[pod.pod for pod in each.canary] for each in found] == [["c"], ["c"]]
    assert requests(found, "canary") == [2, 4]


def test_an_outage_shows_no_track_for_longer_than_the_other() -> None:
    """Prometheus is down for three points, and scrapes the canary shortly before the fourth and stable after it."""
    stopped = [START - 1] * 4
    canary = process("canary", "c", [0, 0, 0, 30, 40], [*stopped[:3], START + 44, START + 59])
    stable = process("stable", "s", [0, 0, 0, 0, 120], [*stopped, START + 50])
    found = intervals_of(grid(5), 0.25, [canary, stable], [])
    assert requests(found, "canary") == [None, None, None, 40]
    assert requests(found, "stable") == [None, None, None, 120]


def test_a_track_that_cannot_be_read_leaves_both_to_the_next_interval() -> None:
    canary = process("canary", "c", [0, NAN, 20, 30], up=[1, 0, 1, 1])
    stable = process("stable", "s", [0, 30, 60, 90], up=[1, 1, 1, 1])
    found = intervals_of(grid(4), 0.25, [canary, stable], [])
    assert requests(found, "canary") == [None, 20, 10]
    assert requests(found, "stable") == [None, 60, 30]


def test_one_pod_that_cannot_be_read_leaves_the_others_their_counts() -> None:
    good, bad = process("stable", "a", [0, 10, 20]), process("stable", "b", [0, NAN, 20], up=[1, 0, 1])
    found = intervals_of(grid(3), 0.25, [process("canary", "c", [0, 1, 2]), good, bad], [])
    assert requests(found, "stable") == [10, 30]


def test_a_track_that_is_gone_does_not_hold_up_the_other() -> None:
    found = intervals_of(
        grid(4), 0.25, [process("canary", "c", [0, 5, NAN, NAN]), process("stable", "s", [0, 10, 20, 30])], []
    )
    assert requests(found, "canary") == [5, None, None]
    assert requests(found, "stable") == [10, 10, 10]


def test_scrapes_that_are_rarer_than_points_make_longer_intervals() -> None:
    every_other = [START - 1, START - 1, START + 29, START + 29, START + 59]
    canary = process("canary", "c", [0, 0, 4, 4, 8], every_other)
    found = intervals_of(grid(5), 0.5, [canary, process("stable", "s", [0, 0, 4, 4, 8], every_other)], [])
    assert requests(found, "canary") == [None, 4, None, 4]


def test_a_pod_that_comes_counts_from_0_if_it_started_in_the_period() -> None:
    young = process("stable", "new", [NAN, 4, 9], started=[NAN, START + 1, START + 1])
    old = process("stable", "old", [NAN, 4000, 4005], started=[NAN, START - 1, START - 1])
    found = intervals_of(grid(3), 0.5, [process("canary", "c", [0, 1, 2]), young, old], [])
    assert requests(found, "stable") == [4, 10]


def test_without_processes_the_intervals_are_empty() -> None:
    assert requests(intervals_of(grid(3), 0.5, [], []), "canary") == [None, None]
    only_up = ProcessSeries("canary", "c", {("up", ""): np.zeros(3)})
    assert requests(intervals_of(grid(3), 0.5, [only_up], []), "canary") == [None, None]


def guard(kind: str, track: Track, values: Column, pod: str = "", delay: float = 0.0) -> GuardSeries:
    return GuardSeries("sales", "good" if kind == "good" else "total", track, pod, np.array(values), delay)


def test_the_trials_of_a_guard_lie_with_the_first_pod_of_its_track() -> None:
    pods = [process("canary", "c1", [0, 1, 2]), process("canary", "c2", [0, 1, 2]), process("stable", "s", [0, 1, 2])]
    series = [
        guard("good", "canary", [0, 3, 5]),
        guard("total", "canary", [0, 4, 9]),
        guard("total", "stable", [0, 2, 2]),
    ]
    first, second = intervals_of(grid(3), 0.5, pods, series)
    assert [dict(pod.counts.guards) for pod in first.canary] == [{"sales": Trials(4, 1)}, {}]
    assert [dict(pod.counts.guards) for pod in second.canary] == [{"sales": Trials(5, 3)}, {}]
    assert [dict(pod.counts.guards) for pod in first.stable] == [{"sales": Trials(2, 2)}]


def test_a_good_outcome_that_comes_after_its_trial_is_made_up_for() -> None:
    pods = [process("canary", "c", [0, 1, 2, 3, 4, 5])]
    series = [guard("good", "canary", [0, 8, 20, 27, 38, 45]), guard("total", "canary", [0, 10, 20, 30, 40, 50])]
    found = intervals_of(grid(6), 0.5, pods, series)
    trials = [each.canary[0].counts.guards["sales"] for each in found]
    assert [(each.total, each.bad) for each in trials] == [(10, 2), (10, 0), (10, 1), (10, 0), (10, 2)]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=20))
def test_the_bad_trials_are_the_most_that_were_ever_missing(rises: list[tuple[int, int]]) -> None:
    total, good = np.cumsum([(0, 0), (0, 0), *rises], axis=0, dtype=np.float64).T
    pods = [process("canary", "c", [float(number) for number in range(len(total))])]
    series = [guard("good", "canary", list(good), delay=STEP), guard("total", "canary", list(total), delay=STEP)]
    trials = [each.canary[0].counts.guards["sales"] for each in intervals_of(grid(len(total)), 0.5, pods, series)]
    assert sum(each.bad for each in trials) == max(total - good)
    assert all(0 <= each.bad <= each.total for each in trials)


def test_a_guard_whose_outcomes_lag_is_refused_with_the_way_out() -> None:
    pods = [process("stable", "s", [0.0] * 6)]
    series = [guard("good", "stable", [0, 10, 60, 80, 110, 140]), guard("total", "stable", [0, 30, 60, 90, 95, 150])]
    with pytest.raises(HistoryUnavailable, match=r"\(45 of 140\).*--guard sales@10m="):
        intervals_of(grid(6), 0.5, pods, series)


def test_a_guard_with_a_delay_counts_after_it() -> None:
    old, young = (
        process("canary", "c", [0.0] * 5),
        process("canary", "n", [NAN] * 3 + [0, 1], started=[NAN] * 3 + [1040.0] * 2),
    )
    series = [
        guard("total", "canary", [0, 10, 20, 30, 40], delay=30),
        guard("good", "canary", [0, 0, 0, 10, 20], delay=30),
        guard("total", "canary", [NAN, NAN, NAN, 3, 5], "n", delay=30),
        guard("good", "canary", [NAN, NAN, NAN, 2, 3], "n", delay=30),
    ]
    trials = [each.canary[0].counts.guards["sales"] for each in intervals_of(grid(5), 0.5, [old, young], series)]
    assert trials == [Trials(0, 0), Trials(0, 0), Trials(13, 1), Trials(12, 1)]


def test_a_guard_that_falls_has_no_trials_in_that_interval() -> None:
    pods = [process("canary", "c", [0, 1, 2]), process("stable", "s", [0, 1, 2])]
    series = [guard("good", "canary", [900, 500, 505]), guard("total", "canary", [1000, 1010, 1020])]
    first, second = intervals_of(grid(3), 0.5, pods, series)
    assert first.canary[0].counts.guards["sales"] == Trials(0, 0)
    assert second.canary[0].counts.guards["sales"] == Trials(10, 5)


def test_a_guard_of_a_new_pod_counts_from_0() -> None:
    young = process("canary", "new", [NAN, 4, 9], started=[NAN, START + 1, START + 1])
    series = [guard("total", "canary", [NAN, 3, 5], "new"), guard("total", "canary", [NAN, 300, 302], "elsewhere")]
    first, second = intervals_of(grid(3), 0.5, [young, process("stable", "s", [0, 1, 2])], series)
    assert first.canary[0].counts.guards["sales"].total == 3
    assert second.canary[0].counts.guards["sales"].total == 4


def test_what_a_pod_did_before_it_was_gone_is_counted_by_the_next_closed_interval() -> None:
    every_other = [START - 1, START - 1, START + 29]
    gone = process("canary", "gone", [0, 5, NAN])
    pods = [gone, process("canary", "c", [0, 1, 2]), process("stable", "s", [0, 0, 9], every_other)]
    found = intervals_of(grid(3), 0.5, pods, [])
    assert requests(found, "canary") == [None, 7]
    assert [pod.pod for pod in found[1].canary] == ["c", "gone"]


def test_a_period_that_begins_in_an_outage_begins_after_it() -> None:
    late = [START - 60, START - 60, START + 29, START + 44]
    pods = [process("canary", "c", [0, 0, 40, 50], late), process("stable", "s", [0, 0, 80, 90], late)]
    found = intervals_of(grid(4), 0.5, pods, [])
    assert requests(found, "canary") == requests(found, "stable") == [None, None, 10]
