from __future__ import annotations

from dataclasses import replace

import numpy as np
from plimsoll.judge.counts import Interval, PodCounts, Trials
from plimsoll.judge.table import tabulate

from tests.unit.judge.rollouts import counts


def pod(name: str, requests: float, failed: float) -> PodCounts:
    return PodCounts(name, counts(requests, failed=failed / requests))


INTERVALS = [
    Interval(0, 15, 0.1, (pod("x", 10, 1),), (pod("a", 50, 2), pod("b", 40, 4))),
    Interval(15, 30, 0.1, (), (pod("b", 30, 3), pod("x", 20, 5))),
]


def test_pods_that_come_and_go_have_a_row_each_in_their_track() -> None:
    table = tabulate(INTERVALS, [lambda each: Trials(each.requests, each.failed)])
    assert table.of_canary.tolist() == [True, False, False, False]
    assert table.total[0].tolist() == [[10, 0], [50, 0], [40, 30], [0, 20]]
    np.testing.assert_allclose(table.bad[0], [[1, 0], [2, 0], [4, 3], [0, 5]])
    np.testing.assert_allclose(table.canary, [[[10, 0]], [[1, 0]]])
    np.testing.assert_allclose(table.stable, [[[90, 50]], [[6, 8]]])


def test_more_bad_trials_than_trials_are_all_of_them() -> None:
    too_many = PodCounts("x", replace(counts(10), failed=10.2))
    table = tabulate([Interval(0, 15, 0.1, (too_many,), ())], [lambda each: Trials(each.requests, each.failed)])
    assert table.bad.ravel().tolist() == [10]


def test_no_interval_is_an_empty_table() -> None:
    assert tabulate([], [lambda each: Trials(each.requests, each.failed)]).total.shape == (1, 0, 0)
