from __future__ import annotations

from contextlib import nullcontext

import pytest
from plimsoll.rollout.kubernetes import ClusterUnavailable, Conflict, Object
from plimsoll.rollout.lease import LEASE_SECONDS, DriverLease, LeaseHeld, LeaseKeeper, LeaseLost

from tests.doubles.rollout_cluster import FakeCluster
from tests.doubles.rollout_pods import FakeTime


class Beating(FakeTime):
    """A time in which another driver renews its Lease whenever this one sleeps."""

    other: DriverLease | None = None

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        if self.other is not None:
            self.other.renew()


def leases(time: FakeTime) -> tuple[FakeCluster, DriverLease, DriverLease]:
    cluster = FakeCluster(time)
    first, second = (DriverLease(cluster, "x-rollout", name, time) for name in ("first", "second"))
    return cluster, first, second


def test_a_free_lease_is_taken_at_once_and_given_back() -> None:
    time = FakeTime()
    cluster, first, second = leases(time)
    before = time.monotonic()
    first.acquire(pytest.fail)
    first.release()
    second.acquire(pytest.fail)
    assert time.monotonic() == before
    assert cluster.stored["lease", "x-rollout"]["spec"]["leaseTransitions"] == 2


def test_while_its_holder_lives_another_driver_is_refused() -> None:
    time = Beating()
    _, first, second = leases(time)
    first.acquire(pytest.fail)
    time.other = first
    said: list[str] = []
    with pytest.raises(LeaseHeld, match="already under way, driven by first") as caught:
        second.acquire(said.append)
    assert (caught.value.holder, len(said)) == ("first", 1)


def test_a_lease_whose_holder_has_died_is_taken_over_and_the_dead_one_notices() -> None:
    time = FakeTime()
    _, first, second = leases(time)
    first.acquire(pytest.fail)
    began = time.monotonic()
    second.acquire(lambda _: None)
    assert LEASE_SECONDS <= time.monotonic() - began < LEASE_SECONDS + 5
    with pytest.raises(LeaseLost, match="second has taken over"):
        first.check()


def test_a_lease_is_renewed_before_it_can_expire() -> None:
    time = FakeTime()
    cluster, first, _ = leases(time)
    first.acquire(pytest.fail)
    version = cluster.stored["lease", "x-rollout"]["metadata"]["resourceVersion"]
    first.check()
    assert cluster.stored["lease", "x-rollout"]["metadata"]["resourceVersion"] == version
    time.sleep(LEASE_SECONDS / 2)
    first.check()
    assert cluster.stored["lease", "x-rollout"]["metadata"]["resourceVersion"] != version


def test_a_lease_counts_from_before_the_request_that_renews_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine may sleep while the API server answers; the claim is as old as the request by then."""
    time = FakeTime()
    cluster, first, second = leases(time)
    first.acquire(pytest.fail)
    replace = cluster.replace

    def slow(changed: Object) -> Object:
        stored = replace(changed)
        time.sleep(2 * LEASE_SECONDS)
        return stored

    monkeypatch.setattr(cluster, "replace", slow)
    first.renew()
    monkeypatch.setattr(cluster, "replace", replace)
    second.acquire(lambda _: None)
    with pytest.raises(LeaseLost):
        first.check()


@pytest.mark.parametrize("conflicts", [2, 9])
def test_a_lease_that_is_changed_at_the_same_time_is_renewed_or_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, conflicts: int
) -> None:
    cluster, first, _ = leases(FakeTime())
    first.acquire(pytest.fail)
    replace, left = cluster.replace, [conflicts]

    def conflicting(changed: Object) -> Object:
        left[0] -= 1
        if left[0] >= 0:
            raise Conflict("the object has been modified")
        return replace(changed)

    monkeypatch.setattr(cluster, "replace", conflicting)
    endless = pytest.raises(ClusterUnavailable, match="changes too often")
    with endless if conflicts > 2 else nullcontext():
        first.renew()
    assert first.held


def test_a_lease_that_was_not_taken_is_not_held() -> None:
    _, first, _ = leases(FakeTime())
    with pytest.raises(LeaseLost):
        first.renew()
    first.release()
    assert not first.held


def test_giving_back_fails_silently(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster, first, _ = leases(FakeTime())
    first.acquire(pytest.fail)

    def refuse(_: object) -> None:
        raise ClusterUnavailable("gone")

    monkeypatch.setattr(cluster, "replace", refuse)
    first.release()


def test_its_keeper_ends_with_its_context() -> None:
    _, first, _ = leases(FakeTime())
    with LeaseKeeper(first):
        first.acquire(pytest.fail)
    assert first.held
