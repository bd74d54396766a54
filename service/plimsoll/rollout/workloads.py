"""The Deployment of a track and the weights of the HTTPRoute, as the cluster has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from plimsoll.rollout.kubernetes import Object, Objects

_DEFAULT_DEADLINE_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Deployment:
    """The state of a Deployment. `wanted`, `updated`, `available` and `total` are numbers of pods, `labels` theirs."""

    wanted: int
    updated: int
    available: int
    total: int
    observed: bool
    deadline_exceeded: bool
    deadline_seconds: float
    complaint: str
    labels: Mapping[str, str]

    def settled(self, least: int) -> bool:
        """Whether all pods have the newest template and are ready, and there are at least so many."""
        complete = self.observed and self.updated == self.wanted == self.total
        return complete and self.available >= max(self.wanted, least)


def deployment(objects: Objects, fullname: str, track: str) -> Deployment | None:
    """The Deployment of a track, or `None` if there is none."""
    found = objects.get("deployment", f"{fullname}-{track}")
    if found is None:
        return None
    spec, status = _mapping(found.get("spec")), _mapping(found.get("status"))
    conditions: Sequence[Mapping[str, Any]] = status.get("conditions", ())
    progressing = next((each for each in conditions if each.get("type") == "Progressing"), {})
    generation = _mapping(found.get("metadata")).get("generation", 0)
    return Deployment(
        wanted=int(spec.get("replicas", 1)),
        updated=int(status.get("updatedReplicas", 0)),
        available=int(status.get("availableReplicas", 0)),
        total=int(status.get("replicas", 0)),
        observed=int(status.get("observedGeneration", 0)) >= int(generation),
        deadline_exceeded=progressing.get("reason") == "ProgressDeadlineExceeded",
        deadline_seconds=float(spec.get("progressDeadlineSeconds", _DEFAULT_DEADLINE_SECONDS)),
        complaint=str(progressing.get("message", "")),
        labels=_mapping(_mapping(spec.get("selector")).get("matchLabels")),
    )


@dataclass(frozen=True, slots=True)
class Restarts:
    """The numbers of pods of a track, and of those with a container that was started again."""

    pods: int
    restarted: int

    @property
    def share(self) -> float:
        """The restarted part of the pods, 0 to 1."""
        return self.restarted / self.pods if self.pods else 0.0


def restarts(objects: Objects, fullname: str, track: str, since_seconds: float) -> Restarts:
    """The pods of a track of which a container ended after a time, in seconds since 1970, and was started again."""
    found = deployment(objects, fullname, track)
    pods = objects.select("pods", found.labels) if found and found.labels else ()
    return Restarts(len(pods), sum(_last_end(pod) >= since_seconds for pod in pods))


def _last_end(pod: Object) -> float:
    """The time at which a container that has been started again last ended; 0 if none was."""
    ends = [0.0]
    for container in _mapping(pod.get("status")).get("containerStatuses") or ():
        ended = _mapping(_mapping(container.get("lastState")).get("terminated")).get("finishedAt")
        if int(container.get("restartCount", 0)) > 0 and ended:
            ends.append(datetime.fromisoformat(str(ended)).timestamp())
    return max(ends)


@dataclass(frozen=True, slots=True)
class Split:
    """The HTTPRoute's split of requests that name no version.

    `weight` is the canary's, or `None` if nothing splits; `accepted` whether each Gateway has accepted the route as it
    is, as far as its controller says which generation it has seen.
    """

    weight: int | None
    accepted: bool


def split(objects: Objects, fullname: str) -> Split:
    """The split of the HTTPRoute."""
    route = objects.get("httproute.gateway.networking.k8s.io", fullname) or {}
    return Split(_weight(route, fullname), _accepted(route))


def _weight(route: Object, fullname: str) -> int | None:
    rules: Sequence[Mapping[str, Any]] = _mapping(route.get("spec")).get("rules", ())
    for rule in rules:
        weights = {backend.get("name"): backend.get("weight", 1) for backend in rule.get("backendRefs", ())}
        if len(weights) > 1 and f"{fullname}-canary" in weights:
            return int(weights[f"{fullname}-canary"])
    return None


def _accepted(route: Object) -> bool:
    generation = int(_mapping(route.get("metadata")).get("generation", 0))
    parents: Sequence[Mapping[str, Any]] = _mapping(route.get("status")).get("parents", ())
    conditions = [condition for parent in parents for condition in parent.get("conditions", ())]
    return all(
        condition.get("status") == "True" and int(condition["observedGeneration"]) >= generation
        for condition in conditions
        if condition.get("type") == "Accepted" and "observedGeneration" in condition
    )


def _mapping(found: Any) -> Object:  # noqa: ANN401  # a part of an object
    return found if isinstance(found, dict) else {}
