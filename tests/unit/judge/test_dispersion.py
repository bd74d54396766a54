from __future__ import annotations

import numpy as np
import pytest
from plimsoll.judge.dispersion import dispersion
from plimsoll.judge.evidence import Counts
from plimsoll.judge.table import Table

PODS = np.array([True, False, False, False])
ROLLOUTS, INTERVALS = 200, 64


def drawn(share: Counts | float, cluster: int = 1, pods: Counts | int = 4, requests: int = 240) -> Counts:
    """The dispersion of tables in which so many requests at once share their fate, [rollouts, intervals]."""
    random = np.random.default_rng(5)
    number = pods if isinstance(pods, int) else len(pods)
    shape = (ROLLOUTS, number, INTERVALS)
    clusters = random.binomial(requests // cluster, np.broadcast_to(share, shape))
    bad = clusters.astype(np.float64) * cluster
    return dispersion(Table(np.full(shape, float(requests)), bad, PODS[:number]))


def test_independent_requests_weigh_almost_as_many_as_they_are() -> None:
    for share in (0.002, 0.05, 0.5):
        found = drawn(share)
        assert found.min() >= 1
        assert np.median(found[:, -1]) < 1.35
        assert np.quantile(found[:, -1], 0.9) < 2.2


@pytest.mark.parametrize("pods", [4, 2])
def test_clusters_are_measured(pods: int) -> None:
    assert 7 < np.median(drawn(0.2, cluster=10, pods=pods)[:, -1]) < 16


def test_a_canary_that_is_worse_or_a_load_that_changes_is_no_cluster() -> None:
    worse = np.where(PODS, 0.4, 0.1)[:, None]
    changing: Counts = 0.1 + 0.3 * np.arange(INTERVALS, dtype=np.float64) / INTERVALS
    assert np.median(drawn(worse)[:, -1]) < 1.35
    assert np.median(drawn(np.where(PODS, 0.02, 0.0)[:, None])[:, -1]) < 1.6
    assert np.median(drawn(changing)[:, -1]) < 1.35


def test_a_pod_of_stable_that_is_slow_for_good_counts_more_the_longer_it_is() -> None:
    found = np.median(drawn(np.array([0.1, 0.1, 0.1, 0.2])[:, None]), axis=0)
    assert found[7] > 2
    assert found[63] > 4 * found[7]


def test_what_is_known_after_an_interval_does_not_change_by_later_ones() -> None:
    random = np.random.default_rng(6)
    total, bad = np.full((4, 21), 50.0), random.binomial(50, 0.2, (4, 21)).astype(np.float64)
    whole = dispersion(Table(total, bad, PODS))
    for intervals in range(1, 21):
        part = dispersion(Table(total[:, :intervals], bad[:, :intervals], PODS))
        assert part[-1] == pytest.approx(whole[intervals - 1])


def test_nothing_counted_is_a_dispersion_of_1() -> None:
    assert dispersion(Table(np.zeros((4, 9)), np.zeros((4, 9)), PODS)).tolist() == [1.0] * 9
    assert dispersion(Table(np.zeros((0, 9)), np.zeros((0, 9)), PODS[:0])).tolist() == [1.0] * 9
