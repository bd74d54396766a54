"""The Lease that keeps two drivers of one release apart."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from plimsoll.errors import OperatorError
from plimsoll.rollout.kubernetes import ClusterUnavailable, Conflict, Object, Objects

LEASE_SECONDS = 30.0
"""A Lease that nobody has renewed for so long may be taken over."""
_LOOK_SECONDS = 1.0
_ATTEMPTS = 3


class LeaseHeld(OperatorError):
    """Another driver, `holder`, is at work on this release."""

    def __init__(self, holder: str) -> None:
        super().__init__(
            f"a rollout is already under way, driven by {holder}; `plimsoll rollout status` shows it, and `step`, "
            "`promote` and `abort` are passed on to that driver"
        )
        self.holder = holder


class LeaseLost(OperatorError):
    """Another driver has taken over; this one stops."""


class Time(Protocol):
    """A clock that a test can move."""

    def now(self) -> float:
        """Seconds since 1970."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class DriverLease:
    """One process's claim to drive a release.

    As in Kubernetes' own controllers no clock of another machine is trusted: a Lease is free once it has not changed
    for `LEASE_SECONDS` of this process's own time. Safe to call from several threads.
    """

    def __init__(self, objects: Objects, name: str, identity: str, time: Time) -> None:
        self._objects = objects
        self._name = name
        self._identity = identity
        self._time = time
        self._mine: Object | None = None
        self._renewed_at = 0.0
        self._lock = threading.Lock()

    @property
    def held(self) -> bool:
        """Whether this process has taken the Lease and not given it back."""
        return self._mine is not None

    def acquire(self, waiting: Callable[[str], None]) -> None:
        """Take the Lease; while its holder may have died, wait for it to expire. `waiting` is called with a sentence.

        Raises:
            LeaseHeld: its holder is alive.
        """
        seen: str | None = None
        began = self._time.monotonic()
        while True:
            found = self._objects.get("lease", self._name)
            holder = holder_of(found)
            if found is None or holder in ("", self._identity) or self._time.monotonic() - began >= LEASE_SECONDS:
                if self._take(found):
                    return
                seen, began = None, self._time.monotonic()
                continue
            version = str(found["metadata"].get("resourceVersion"))
            if seen is None:
                waiting(f"{holder} was the last driver of this rollout; waiting whether it still is")
            elif version != seen:
                raise LeaseHeld(holder)
            seen = version
            self._time.sleep(_LOOK_SECONDS)

    def renew(self) -> None:
        """Extend the claim.

        Raises:
            LeaseLost: another driver holds it.
            ClusterUnavailable: the API server does not answer; the claim may expire.
        """
        with self._lock:
            if self._mine is None:
                raise LeaseLost("this driver holds no Lease")
            asked_at = self._time.monotonic()
            self._mine = self._renewed(self._mine)
            self._renewed_at = asked_at

    def _renewed(self, mine: Object) -> Object:
        for _ in range(_ATTEMPTS):
            try:
                return self._objects.replace(self._written(mine))
            except Conflict:
                found = self._objects.get("lease", self._name)
                if found is None or holder_of(found) != self._identity:
                    raise LeaseLost(
                        f"{holder_of(found) or 'somebody'} has taken over Lease {self._name}; this driver stops, and "
                        "the split stays as it is"
                    ) from None
                mine = found
        raise ClusterUnavailable(f"Lease {self._name} changes too often to be renewed")

    def check(self) -> None:
        """Make sure, before something is changed, that the claim holds.

        Raises:
            LeaseLost: it does not.
            ClusterUnavailable: that cannot be known now.
        """
        if self._time.monotonic() - self._renewed_at > LEASE_SECONDS / 3:
            self.renew()

    def release(self) -> None:
        """Give it back, so that the next driver need not wait. Does nothing if that fails."""
        with self._lock:
            if self._mine is None:
                return
            mine, self._mine = self._mine, None
            try:
                self._objects.replace({**mine, "spec": {**mine["spec"], "holderIdentity": ""}})
            except (ClusterUnavailable, Conflict):
                return

    def _take(self, found: Object | None) -> bool:
        with self._lock:
            asked_at = self._time.monotonic()
            try:
                if found is None:
                    head = {"name": self._name, "labels": {"app.kubernetes.io/managed-by": "plimsoll-rollout"}}
                    new = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": head, "spec": {}}
                    self._mine = self._objects.create(self._written(new))
                else:
                    self._mine = self._objects.replace(self._written(found))
            except Conflict:
                return False
            self._renewed_at = asked_at
            return True

    def _written(self, found: Object) -> Object:
        now = datetime.fromtimestamp(self._time.now(), UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = dict(found.get("spec") or {})
        if spec.get("holderIdentity") != self._identity:
            spec["acquireTime"] = now
            spec["leaseTransitions"] = int(spec.get("leaseTransitions", 0)) + 1
        spec |= {"holderIdentity": self._identity, "leaseDurationSeconds": int(LEASE_SECONDS), "renewTime": now}
        return {**found, "spec": spec}


class LeaseKeeper:
    """Renews a Lease from a thread of its own, while an upgrade or a slow answer keeps the driver busy."""

    def __init__(self, lease: DriverLease) -> None:
        self._lease = lease
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)

    def __enter__(self) -> LeaseKeeper:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(60)

    def _run(self) -> None:
        while not self._ended.wait(LEASE_SECONDS / 3):
            if not self._lease.held:
                continue
            try:
                self._lease.renew()
            except ClusterUnavailable:
                continue  # the driver finds out before it changes anything
            except LeaseLost:
                return


def holder_of(found: Object | None) -> str:
    """The driver that holds a Lease; empty if nobody does."""
    return str(((found or {}).get("spec") or {}).get("holderIdentity") or "")
