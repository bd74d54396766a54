from __future__ import annotations

import pytest
from plimsoll.rollout.workloads import deployment, split

from tests.doubles.rollout_cluster import NAME, FakeCluster
from tests.doubles.rollout_pods import FakeTime


def test_a_deployment_is_settled_once_all_its_pods_are_ready() -> None:
    cluster = FakeCluster(FakeTime())
    found = deployment(cluster, NAME, "stable")
    assert found is not None
    assert (found.settled(4), found.settled(5), found.deadline_seconds) == (True, False, 60.0)
    assert deployment(cluster, NAME, "canary") is None


def test_a_weight_is_that_of_the_rule_that_names_both_tracks() -> None:
    cluster = FakeCluster(FakeTime())
    assert split(cluster, NAME).weight is None
    cluster.set_route([{"name": "plimsoll-stable", "weight": 75}, {"name": "plimsoll-canary", "weight": 25}])
    assert split(cluster, NAME).weight == 25
    assert split(cluster, "other").weight is None


SEEN = {"type": "Accepted", "status": "True", "observedGeneration": 3}


@pytest.mark.parametrize(
    ("conditions", "accepted"),
    [
        pytest.param([[SEEN]], True, id="by its only Gateway"),
        pytest.param([[SEEN], [SEEN | {"observedGeneration": 2}]], False, id="by one of two"),
        pytest.param([[SEEN | {"observedGeneration": 4}]], True, id="read before the last change"),
        pytest.param([[SEEN | {"status": "False"}]], False, id="refused"),
        pytest.param([[SEEN, {"type": "ResolvedRefs", "status": "False", "observedGeneration": 1}]], True, id="others"),
        pytest.param([[{"type": "Accepted", "status": "True"}]], True, id="a Gateway that does not say"),
        pytest.param([], True, id="no Gateway that says anything"),
    ],
)
def test_a_route_is_accepted_once_each_gateway_has_seen_its_last_change(
    conditions: list[list[dict[str, object]]], *, accepted: bool
) -> None:
    cluster = FakeCluster(FakeTime())
    parents = [{"conditions": each} for each in conditions]
    route = {"kind": "HTTPRoute", "metadata": {"name": "own", "generation": 3}, "status": {"parents": parents}}
    cluster.stored["httproute", "own"] = route
    assert split(cluster, "own").accepted is accepted
