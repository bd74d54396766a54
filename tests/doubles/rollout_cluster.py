"""A cluster with one release in memory, whose every call may be the last of the process that makes it."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any

from plimsoll.rollout.helm import Revision, UpgradeFailed
from plimsoll.rollout.kubernetes import Conflict, Object
from plimsoll.rollout.release_values import Values, at, overlay

from tests.doubles.rollout_pods import POD_SECONDS, FakeTime, Track

NAME = "plimsoll"
CHART = "plimsoll-0.4.0"
VALUES: dict[str, Any] = {
    "replicas": 4,
    "model": {"name": "digits", "version": "1", "configMap": {"name": ""}},
    "image": {"repository": "plimsoll", "tag": "", "digest": ""},
    "httpRoute": {"enabled": True},
    "autoscaling": {"engine": "none", "minReplicas": 2, "maxReplicas": 10},
    "canary": {
        "mode": "none",
        "weight": 0,
        "replicas": 1,
        "maxReplicas": 5,
        "model": {"version": "", "configMap": {"name": ""}},
        "image": {"repository": "", "tag": "", "digest": ""},
        "resources": {},
    },
}
"""The values of a release before a rollout, as far as a rollout reads or writes them."""


class Killed(BaseException):
    """The process of the driver ends here, as by kill -9."""


class Faults:
    """Counts the calls of a driver, and ends it before or after one of them."""

    def __init__(self, kill_at: int | None = None) -> None:
        self.kill_at = kill_at
        self.points = 0

    def point(self) -> None:
        self.points += 1
        if self.points == self.kill_at:
            raise Killed


class FakeCluster:
    """`Release` and `Objects` of one release. `log` has each weight with the ready pods of the canary at that time."""

    exclusive = True

    def __init__(self, time: FakeTime, values: Values = VALUES, broken: set[str] | None = None) -> None:
        self.time = time
        self.faults = Faults()
        self.stored: dict[tuple[str, str], Object] = {}
        self.versions = 0
        self.revisions: list[Revision] = []
        self.held_values: dict[int, dict[str, Any]] = {}
        self.stable, self.canary = (Track(time, broken or set()) for _ in range(2))
        self.log: list[tuple[int, int]] = []
        self.helm_dies = False
        self.refusing = 0
        self.foreign = False
        self.rights: set[tuple[str, str]] | None = None
        self.gateway_seconds = 0.0
        """The time after which a Gateway has accepted a changed HTTPRoute."""
        self.routed_at = 0.0
        self.add_revision(dict(copy.deepcopy(dict(values))), "deployed")
        self.apply()
        time.seconds += POD_SECONDS

    def history(self) -> tuple[Revision, ...]:
        self.faults.point()
        self.time.seconds += 0.2
        return tuple(self.revisions[-10:])

    def values(self, revision: int) -> Values:
        self.faults.point()
        return self.held_values[revision]

    def upgrade(self, changes: Values, *, insist: bool = False) -> None:
        self.faults.point()
        if self.revisions[-1].pending:
            raise UpgradeFailed("another operation (install/upgrade/rollback) is in progress")
        _refuse_removal(self.present(), changes)
        new = overlay(VALUES, overlay(self.present(), changes))
        if at(new, "canary.mode") == "none" and at(new, "canary.weight"):
            raise UpgradeFailed("canary.mode is none, and canary.weight is set")
        if self.refusing:
            self.refusing -= 1
            self.add_revision(new, "failed", "Upgrade failed")
            raise UpgradeFailed("the API server refuses")
        if self.foreign and not insist:
            self.add_revision(new, "failed", "Upgrade failed: conflict occurred")
            raise UpgradeFailed('conflict occurred: conflict with "kubectl-replace"')
        self.foreign = False
        self.add_revision(new, "pending-upgrade")
        try:
            self.faults.point()
        except Killed:
            if self.helm_dies:
                raise
            self.finish()  # helm is a process of its own and goes on
            raise
        self.time.seconds += 1
        self.finish()
        self.faults.point()

    def forget(self, revision: int) -> None:
        self.faults.point()
        assert self.revisions[-1].number == revision
        del self.held_values[self.revisions.pop().number]
        self.faults.point()

    def get(self, kind: str, name: str) -> Object | None:
        self.faults.point()
        kind = kind.partition(".")[0]
        if kind == "deployment":
            return (self.stable if name.endswith("-stable") else self.canary).deployment(name)
        found = copy.deepcopy(self.stored.get((kind, name)))
        return {"status": self._route_status(found)} | found if found and kind == "httproute" else found

    def select(self, kind: str, labels: Mapping[str, str]) -> tuple[Object, ...]:
        self.faults.point()
        assert kind == "pods"
        return (self.stable if labels["track"] == "stable" else self.canary).statuses()

    def create(self, new: Object) -> Object:
        self.faults.point()
        if _key(new) in self.stored:
            raise Conflict("AlreadyExists")
        return self._store(new)

    def replace(self, changed: Object) -> Object:
        self.faults.point()
        present = self.stored.get(_key(changed))
        if present is None or present["metadata"]["resourceVersion"] != changed["metadata"].get("resourceVersion"):
            raise Conflict("the object has been modified")
        return self._store(changed)

    def may(self, verb: str, kind: str) -> bool:
        return self.rights is None or (verb, kind) in self.rights

    def present(self) -> dict[str, Any]:
        """The values of the last revision that was made."""
        made = next(each for each in reversed(self.revisions) if each.status in ("deployed", "superseded"))
        return self.held_values[made.number]

    @property
    def weight(self) -> int:
        """The percent of the requests that the route gives to the canary."""
        route = self.stored.get(("httproute", NAME))
        return int(route["spec"]["rules"][0]["backendRefs"][-1]["weight"]) if route else 0

    def by_hand(self, changes: Values, description: str = "Upgrade complete") -> None:
        """Somebody else upgrades the release."""
        self.add_revision(overlay(self.present(), changes), "pending-upgrade", description)
        self.finish()

    def add_revision(self, values: dict[str, Any], status: str, description: str = "Upgrade complete") -> None:
        number = self.revisions[-1].number + 1 if self.revisions else 1
        self.held_values[number] = values
        self.revisions.append(Revision(number, status, CHART, description, self.time.now()))

    def finish(self) -> None:
        """The newest revision is applied and deployed."""
        last = self.revisions[-1]
        self.revisions = [
            Revision(each.number, "superseded", each.chart, each.description, each.updated_seconds)
            for each in self.revisions[:-1]
        ]
        self.revisions.append(Revision(last.number, "deployed", last.chart, last.description, last.updated_seconds))
        self.apply()

    def apply(self) -> None:
        """Have the objects be what the values say."""
        values = self.present()
        canary: Mapping[str, Any] = values["canary"]
        version = values["model"]["version"]
        self.stable.set(int(values["replicas"]), f"{version} {values['image']['tag']}".strip())
        there = canary["mode"] != "none"
        own = canary["model"]["version"] or version
        self.canary.set(
            int(canary["replicas"]) if there else 0, f"{own} {canary['image']['tag']}".strip() if there else ""
        )
        weight = int(canary["weight"])
        backends = [{"name": f"{NAME}-stable", "weight": 100 - weight}]
        if canary["mode"] == "gatewayAPI":
            backends.append({"name": f"{NAME}-canary", "weight": weight})
        if values["httpRoute"]["enabled"]:
            self.set_route(backends)
        self.log.append((weight if there else 0, self.canary.available))

    def set_route(self, backends: list[dict[str, Any]]) -> None:
        """Write the HTTPRoute, whoever does it."""
        spec = {"rules": [{"backendRefs": backends}]}
        before = self.stored.get(("httproute", NAME))
        if before is None or before["spec"] != spec:
            generation = before["metadata"]["generation"] + 1 if before else 1
            self.routed_at = self.time.monotonic() if before else -math.inf
            self._put({"kind": "HTTPRoute", "metadata": {"name": NAME, "generation": generation}, "spec": spec})

    def _route_status(self, route: Object) -> dict[str, Any]:
        behind = self.time.monotonic() < self.routed_at + self.gateway_seconds
        seen = route["metadata"]["generation"] - behind
        return {"parents": [{"conditions": [{"type": "Accepted", "status": "True", "observedGeneration": seen}]}]}

    def _store(self, new: Object) -> Object:
        self.faults.point()
        stored = self._put(new)
        self.faults.point()
        return stored

    def _put(self, new: Object) -> Object:
        self.versions += 1
        stored = copy.deepcopy(new)
        stored["metadata"]["resourceVersion"] = str(self.versions)
        self.stored[_key(new)] = stored
        return copy.deepcopy(stored)


def _refuse_removal(present: Values, changes: Values) -> None:
    """As the chart's schema: to remove what nobody has set removes the chart's default, which has to be there."""
    for name, value in changes.items():
        below = present.get(name)
        if value is None and below in (None, {}):
            raise UpgradeFailed(f"missing property '{name}'")
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            _refuse_removal(below, value)


def _key(found: Object) -> tuple[str, str]:
    return str(found["kind"]).lower(), str(found["metadata"]["name"])
