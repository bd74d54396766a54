"""A driver's objects, read by few calls and never later than a second ago."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from plimsoll.rollout.kubernetes import ClusterUnavailable, Conflict, Key, Object
from plimsoll.rollout.recent_objects import RecentObjects

from tests.doubles.rollout_cluster import NAME, FakeCluster
from tests.doubles.rollout_pods import FakeTime

STABLE, ROUTE, RECORD = ("deployment", f"{NAME}-stable"), ("httproute.gateway.networking.k8s.io", NAME), ("lease", "x")
LEASE: Object = {"kind": "Lease", "metadata": {"name": "x"}, "spec": {"holderIdentity": "one"}}


class Counted(FakeCluster):
    """Counts its reads; those of a kind in `refused` fail."""

    def __init__(self) -> None:
        super().__init__(FakeTime())
        self.calls: list[list[Key]] = []
        self.refused: set[str] = set()

    def get_all(self, keys: Sequence[Key]) -> dict[Key, Object | None]:
        self.calls.append(list(keys))
        if any(kind in self.refused for kind, _ in keys):
            raise ClusterUnavailable("you have no right to do this")
        return {key: super(Counted, self).get(*key) for key in keys}

    def get(self, kind: str, name: str) -> Object | None:
        return self.get_all([(kind, name)])[kind, name]


@pytest.fixture(name="cluster")
def _cluster() -> Counted:
    return Counted()


@pytest.fixture(name="objects")
def _objects(cluster: Counted) -> RecentObjects:
    return RecentObjects(cluster, cluster.time)


def test_what_was_asked_for_lately_is_read_by_one_call(cluster: Counted, objects: RecentObjects) -> None:
    for _ in range(3):
        for key in (STABLE, ROUTE, RECORD):
            assert objects.get(*key) == FakeCluster.get(cluster, *key)
        cluster.time.sleep(5)
    assert cluster.calls[3:] == [[STABLE, ROUTE, RECORD]] * 2
    cluster.time.sleep(60)
    objects.get(*ROUTE)
    assert cluster.calls[-1] == [ROUTE]


def test_nothing_is_older_than_a_second(cluster: Counted, objects: RecentObjects) -> None:
    objects.get(*STABLE)
    cluster.stable.dead_since = 0.0
    cluster.time.sleep(1.01)
    found = objects.get(*STABLE)
    assert found is not None
    assert found["status"]["availableReplicas"] == 0


def test_an_object_that_is_read_later_than_the_others_makes_them_no_younger(
    cluster: Counted, objects: RecentObjects
) -> None:
    objects.get(*STABLE)
    cluster.time.sleep(0.9)
    objects.get(*ROUTE)
    cluster.time.sleep(0.9)
    objects.get(*STABLE)
    assert cluster.calls == [[STABLE], [ROUTE], [STABLE, ROUTE]]


def test_a_write_is_seen_at_once_also_where_it_failed(cluster: Counted, objects: RecentObjects) -> None:
    assert objects.get(*RECORD) is None
    created = objects.create(LEASE)
    assert objects.get(*RECORD) == created
    by_another = cluster.replace(created | {"spec": {"holderIdentity": "another"}})
    with pytest.raises(Conflict):
        objects.replace(created | {"spec": {"holderIdentity": "one again"}})
    assert objects.get(*RECORD) == by_another


def test_one_that_must_not_be_read_keeps_no_other_from_being_read(cluster: Counted, objects: RecentObjects) -> None:
    cluster.refused = {ROUTE[0]}
    for _ in range(2):
        with pytest.raises(ClusterUnavailable):
            objects.get(*ROUTE)
        assert objects.get(*STABLE) is not None
        cluster.time.sleep(5)


def test_what_a_caller_does_with_an_object_changes_no_other_answer(objects: RecentObjects) -> None:
    found = objects.get(*STABLE)
    assert found is not None
    found["spec"]["replicas"] = 99
    again = objects.get(*STABLE)
    assert again is not None
    assert again["spec"]["replicas"] == 4


def test_pods_and_rights_are_asked_for_each_time(cluster: Counted, objects: RecentObjects) -> None:
    assert objects.select("pods", {"track": "stable"}) == cluster.select("pods", {"track": "stable"})
    assert objects.may("patch", "deployments.apps")
