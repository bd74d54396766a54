from __future__ import annotations

from plimsoll.rollout.workloads import deployment, route_weight

from tests.doubles.rollout_cluster import NAME, FakeCluster, FakeTime


def test_a_deployment_is_settled_once_all_its_pods_are_ready() -> None:
    cluster = FakeCluster(FakeTime())
    found = deployment(cluster, NAME, "stable")
    assert found is not None
    assert (found.settled(4), found.settled(5), found.deadline_seconds) == (True, False, 60.0)
    assert deployment(cluster, NAME, "canary") is None


def test_a_weight_is_that_of_the_rule_that_names_both_tracks() -> None:
    cluster = FakeCluster(FakeTime())
    assert route_weight(cluster, NAME) is None
    cluster.set_route([{"name": "plimsoll-stable", "weight": 75}, {"name": "plimsoll-canary", "weight": 25}])
    assert route_weight(cluster, NAME) == 25
    assert route_weight(cluster, "other") is None
