from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.judge.counts import Interval, PodCounts, TrackCounts
from plimsoll.judge.table import tabulate

from tests.unit.judge.rollouts import counts


def pod(name: str, requests: float, failed: float) -> PodCounts:
    return PodCounts(name, counts(requests, failed=failed / requests))


numbers = st.integers(0, 10**6).map(float)
INTERVALS = [
    Interval(0, 15, 0.1, (pod("x", 10, 1),), (pod("a", 50, 2), pod("b", 40, 4))),
    Interval(15, 30, 0.1, (), (pod("b", 30, 3), pod("x", 20, 5))),
]


def failures(counts: TrackCounts) -> tuple[list[float], list[float]]:
    return [counts.requests], [counts.failed]


def test_pods_that_come_and_go_have_a_row_each_in_their_track() -> None:
    table = tabulate(INTERVALS, 1, failures)
    assert table.of_canary.tolist() == [True, False, False, False]
    assert table.total[0].tolist() == [[10, 0], [50, 0], [40, 30], [0, 20]]
    np.testing.assert_allclose(table.bad[0], [[1, 0], [2, 0], [4, 3], [0, 5]])
    np.testing.assert_allclose(table.canary, [[[10, 0]], [[1, 0]]])
    np.testing.assert_allclose(table.stable, [[[90, 50]], [[6, 8]]])


def test_more_bad_trials_than_trials_are_all_of_them() -> None:
    too_many = PodCounts("x", replace(counts(10), failed=10.2))
    table = tabulate([Interval(0, 15, 0.1, (too_many,), ())], 1, failures)
    assert table.bad.ravel().tolist() == [10]


def test_no_interval_is_an_empty_table() -> None:
    assert tabulate([], 1, failures).total.shape == (1, 0, 0)


def test_a_pod_that_an_interval_has_twice_has_the_trials_of_both() -> None:
    table = tabulate([Interval(0, 15, 0.1, (pod("x", 10, 1), pod("x", 20, 2)), ())], 1, failures)
    assert (table.total.tolist(), table.bad.tolist()) == ([[[30]]], [[[3]]])


@given(st.lists(st.lists(st.tuples(st.sampled_from("xyz"), numbers, numbers), max_size=4), max_size=4))
def test_every_trial_is_in_the_table_where_it_belongs(rows: list[list[tuple[str, float, float]]]) -> None:
    def both(counts: TrackCounts) -> tuple[list[float], list[float]]:
        return [counts.requests, counts.answered], [counts.failed, counts.requests]

    intervals = [
        Interval(0, 15, 0.1, (), tuple(PodCounts(name, TrackCounts(n, k, n / 2)) for name, n, k in row)) for row in rows
    ]
    table, pods = tabulate(intervals, 2, both), sorted({name for row in rows for name, _, _ in row})
    assert table.total.shape == table.bad.shape == (2, len(pods), len(rows))
    for place, row in enumerate(rows):
        for number, of_pod in enumerate(pods):
            for layer, part in ((0, 1.0), (1, 0.5)):
                found = [(n * part, (k, n)[layer]) for name, n, k in row if name == of_pod]
                assert table.total[layer, number, place] == sum(total for total, _ in found)
                assert table.bad[layer, number, place] == sum(min(bad, total) for total, bad in found)
