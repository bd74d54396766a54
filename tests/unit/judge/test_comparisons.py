from __future__ import annotations

import numpy as np
import pytest
from plimsoll.judge.comparisons import more_often, off_split, other_share, slower, worse_outcomes
from plimsoll.judge.evidence import Counts
from plimsoll.judge.table import Table

EDGES = (0.05, 0.1, 0.25)
STABLE = (0.6, 0.2, 0.01)
PODS = np.array([True, False])


def table(canary: Counts, stable: Counts, sizes: tuple[float, float] = (1000.0, 4000.0), intervals: int = 10) -> Table:
    """Two pods with these shares of bad trials in each interval, [names, pods, intervals]."""
    total = np.broadcast_to(np.array(sizes)[:, None], (len(canary), 2, intervals))
    shares = np.stack([canary, stable], axis=-1)[..., None]
    return Table(np.asarray(total), np.asarray(total * shares), PODS)


def test_the_first_interval_is_for_reference_only() -> None:
    found = slower(table(np.array([0.9, 0.6, 0.1]), np.array(STABLE)), EDGES, 0.1, (0,))
    assert found[:, 0] == pytest.approx([0, 0, 0])
    assert found[1, 1] > 10


def test_an_interval_is_judged_by_stable_before_it_and_not_by_stable_in_it() -> None:
    usual = table(np.array([0.7, 0.3, 0.02]), np.array(STABLE))
    steeper = usual.bad.copy()
    steeper[2, 1, -1] = 4000  # at the last edge alone
    found = [slower(each, EDGES, 0.1, (0,)) for each in (usual, Table(usual.total, steeper, PODS))]
    np.testing.assert_allclose(found[0][:2], found[1][:2])


def test_the_margin_is_ten_percent_slower_at_an_edge_and_not_ten_percent_more_often() -> None:
    a_tenth_slower = np.array([0.66, 0.242, 0.0117])  # the odds fall as a power of the time
    assert np.all(slower(table(a_tenth_slower, np.array(STABLE)), EDGES, 0.1, (0,))[:2, -1] < 0)
    assert slower(table(a_tenth_slower, np.array(STABLE)), EDGES, 0.0, (0,))[1, -1] > 3


def test_only_more_than_the_margin_more_often_counts() -> None:
    within, beyond, less = (table(np.array([share]), np.array([0.1])) for share in (0.109, 0.13, 0.05))
    assert more_often(within, 0.1, (0,))[0, -1] < 0 < more_often(beyond, 0.1, (0,))[0, -1]
    assert more_often(less, 0.1, (0,))[0, -1] < 0


@pytest.mark.parametrize(("good", "of_stable"), [(0.015, 0.03), (0.9, 0.97)])
def test_worse_outcomes_are_found_where_hardly_any_or_nearly_all_are_good(good: float, of_stable: float) -> None:
    worse, same, better = (
        table(np.array([1 - share]), np.array([1 - of_stable])) for share in (good, of_stable * 0.995, of_stable * 1.02)
    )
    assert worse_outcomes(worse, 0.1, (0,))[0, -1] > np.log(100)
    assert worse_outcomes(same, 0.1, (0,))[0, -1] < 0
    assert worse_outcomes(better, 0.1, (0,))[0, -1] < 0


def test_a_canary_that_begins_to_fail_for_good_is_found_by_the_third_interval() -> None:
    late = table(np.array([0.0]), np.array([0.0]), (300.0, 300.0), 20)
    late.bad[0, 0, 15:] = 300
    assert more_often(late, 0.1, (0,))[0, 14] < 0
    assert more_often(late, 0.1, (0,))[0, 17] > np.log(100)


def test_a_pod_that_fails_for_two_intervals_does_not_fail_the_canary() -> None:
    hiccup = table(np.array([0.0]), np.array([0.0]), (300.0, 300.0), 20)
    hiccup.bad[0, 0, 15:17] = 300
    assert np.all(more_often(hiccup, 0.1, (0,)) < np.log(5))


def test_another_share_is_one_way_or_the_other() -> None:
    for share in (0.07, 0.14):
        assert other_share(table(np.array([share]), np.array([0.1])), 0.1, (0,))[0, -1] > 3
    for share in (0.093, 0.1, 0.108):
        assert other_share(table(np.array([share]), np.array([0.1])), 0.1, (0,))[0, -1] < 0


@pytest.mark.parametrize(("share", "looks"), [(0.13, 36), (0.2, 8), (0.05, 11), (0.0, 5)])
def test_a_wrong_split_is_found(share: float, looks: int) -> None:
    found = off_split(np.full(40, 300 * share), np.full(40, 300 * (1 - share)), 0.1)
    assert found[1] < 1
    assert found[looks] > np.log(1000)


@pytest.mark.parametrize("weight", [0.05, 0.5])
@pytest.mark.parametrize("lost", [(1, 2), (20, 21)])
def test_two_lost_scrapes_of_a_track_are_no_wrong_split(weight: float, lost: tuple[int, int]) -> None:
    canary, stable = np.full(40, 3000 * weight), np.full(40, 3000 * (1 - weight))
    for track in (canary, stable):
        late = track.copy()
        late[lost[1] + 1] += late[list(lost)].sum()
        late[list(lost)] = 0
        both = (late, stable) if track is canary else (canary, late)
        assert off_split(*both, weight).max() < 1


def test_pods_that_differ_lower_the_evidence() -> None:
    pods = np.array([True, False, False, False])
    total = np.full((1, 4, 10), 1000.0)
    alike, differing = (
        np.repeat([[200.0, *stable]], 10, axis=0).T[None] for stable in ((100.0,) * 3, (60.0, 100, 140))
    )
    tables = [Table(total, bad, pods) for bad in (alike, differing)]
    for found in (
        [more_often(each, 0.1, (0,))[0, -1] for each in tables],
        [slower(each, (0.1,), 0.1, (0,))[0, -1] for each in tables],
        [other_share(each, 0.1, (0,))[0, -1] for each in tables],
    ):
        assert found[0] > 5 * found[1] > 0
