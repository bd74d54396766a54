"""The stages of a rollout, and the values of the release in each: docs/canary.md as data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from plimsoll.judge.rules import Rules
from plimsoll.rollout.release_values import Values, at, difference, overlay

Mode = Literal["gatewayAPI", "replicas"]
StageKind = Literal["add", "pods", "weight", "stable", "floor", "restore", "end"]
Route = Literal["forward", "back"]
_LEAST = "autoscaling.minReplicas"


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is decided before a rollout begins.

    `weights` are the percents at which the judge decides, each below 100; the promotion follows the last one. `canary`
    has the values below `canary` that make it another version. `promoted` are the values with which stable becomes what
    the canary is, and `stable` those that it has today. `restored` are all other values that the driver changes, as
    they were. `stable_pods` is the number of pods of stable at the start. `cluster` is the label by which Prometheus
    knows the cluster, if it knows several. Times are in seconds.
    """

    release: str
    namespace: str
    fullname: str
    chart: str
    chart_version: str
    mode: Mode
    weights: tuple[int, ...]
    stable_pods: int
    autoscaled: bool
    fewest_pods: int
    canary: Mapping[str, Any]
    promoted: Mapping[str, Any]
    stable: Mapping[str, Any]
    restored: Mapping[str, Any]
    prometheus: str
    rules: Rules = field(default_factory=Rules)
    guards: tuple[str, ...] = ()
    interval_seconds: float = 15.0
    settle_seconds: float = 30.0
    step_seconds: float = 3600.0
    committed: bool = False
    cluster: str = ""


@dataclass(frozen=True, slots=True)
class Stage:
    """One change of the release.

    `weight` is the percent of the HTTPRoute from this stage on; 0 in mode `replicas`. `pods` is the number of pods of
    the canary from this stage on, 0 where it depends on stable's number at that time. `share` is the part of the
    requests that the canary then gets, if the judge decides at this stage; else `None`.
    """

    name: str
    kind: StageKind
    weight: int = 0
    pods: int = 0
    share: float | None = None


def stages(plan: Plan, route: Route) -> tuple[Stage, ...]:
    """The stages of a way through the rollout, in their order."""
    if route == "back":
        return _BACK
    return (_by_pods if plan.mode == "replicas" else _by_weight)(plan)


_BACK = (
    Stage("keep stable as it was", "restore", weight=-1),
    Stage("weight 0", "weight", weight=0),
    Stage("remove the canary", "end"),
)
"""The first one changes something only if the promotion had begun; the canary keeps its weight meanwhile."""


def promotion_begins(plan: Plan) -> int:
    """The position of the first stage of the promotion."""
    judged = [place for place, stage in enumerate(stages(plan, "forward")) if stage.share is not None]
    return judged[-1] + 1


def _by_weight(plan: Plan) -> tuple[Stage, ...]:
    found = [Stage("add the canary", "add", pods=plan.fewest_pods)]
    before = 0
    for weight in plan.weights:
        found.append(Stage(f"pods for weight {weight}", "pods", weight=before))
        found.append(Stage(f"weight {weight}", "weight", weight=weight, share=weight / 100))
        before = weight
    found += [
        Stage("pods for all requests", "pods", weight=before),
        Stage("weight 100", "weight", weight=100),
        Stage("promote stable", "stable", weight=100),
    ]
    if plan.autoscaled:
        found.append(Stage("pods of stable for all requests", "floor", weight=100))
    found += [Stage("weight 0", "weight", weight=0), Stage("remove the canary", "end")]
    return tuple(found)


def _by_pods(plan: Plan) -> tuple[Stage, ...]:
    found: list[Stage] = []
    for pods in pod_steps(plan.weights, plan.stable_pods):
        name = f"{pods} of {pods + plan.stable_pods} pods"
        kind: StageKind = "pods" if found else "add"
        found.append(Stage(name, kind, pods=pods, share=pods / (pods + plan.stable_pods)))
    return (*found, Stage("promote stable", "stable"), Stage("remove the canary", "end"))


def pod_steps(weights: tuple[int, ...], stable_pods: int) -> tuple[int, ...]:
    """The numbers of pods of the canary that come nearest to the weights; each is larger than the one before."""
    steps: list[int] = []
    for weight in weights:
        pods = max(1, round(stable_pods * weight / (100 - weight)))
        if not steps or pods > steps[-1]:
            steps.append(pods)
    return tuple(steps)


@dataclass(frozen=True, slots=True)
class Change:
    """The values of a stage, and how many pods each track must have ready before the next stage."""

    values: Mapping[str, Any]
    canary_pods: int
    stable_pods: int


@dataclass(frozen=True, slots=True)
class Pods:
    """The numbers of pods that run when a change is planned."""

    stable: int
    canary: int


def change_of(plan: Plan, stage: Stage, before: Values, pods: Pods) -> Change:
    """The change that a stage makes, given the values that are in force and the pods that run."""
    if stage.kind == "stable":
        return Change(plan.promoted, canary_pods=1, stable_pods=1)
    if stage.kind == "floor":
        floor = min(max(pods.canary, at(before, _LEAST, 1)), at(before, "autoscaling.maxReplicas", pods.canary))
        return Change({"autoscaling": {"minReplicas": floor}}, canary_pods=1, stable_pods=floor)
    if stage.kind == "weight":
        return Change({"canary": {"weight": stage.weight}}, canary_pods=1 if stage.weight else 0, stable_pods=0)
    if stage.kind == "pods":
        wanted = max(_pods_for(plan, stage, pods), at(before, "canary.replicas", 1))
        if plan.autoscaled:
            wanted = min(wanted, at(before, "canary.maxReplicas", wanted))
        return Change({"canary": {"replicas": wanted}}, canary_pods=wanted, stable_pods=0)
    return _added(plan, stage, before) if stage.kind == "add" else _left(plan, stage, before)


def _left(plan: Plan, stage: Stage, before: Values) -> Change:
    """The release without its canary, or stable as it was; the latter only if the promotion had changed it."""
    if stage.kind == "end":
        values = overlay(plan.restored, {"canary": {"mode": "none", "weight": 0}})
        return Change(values, canary_pods=0, stable_pods=0)
    begun = not difference(before, plan.promoted)
    return Change(plan.stable if begun else {}, canary_pods=0, stable_pods=0)


def _added(plan: Plan, stage: Stage, before: Values) -> Change:
    """The canary with no weight; an autoscaler of stable is kept from removing pods until the end of the rollout."""
    own = overlay(plan.canary, {"mode": plan.mode, "weight": 0, "replicas": stage.pods})
    values: dict[str, Any] = {"canary": own}
    if plan.autoscaled:
        most = at(before, "autoscaling.maxReplicas", plan.stable_pods)
        values["autoscaling"] = {"minReplicas": max(at(before, _LEAST, 1), min(plan.stable_pods, most))}
    return Change(values, canary_pods=stage.pods, stable_pods=1)


def _pods_for(plan: Plan, stage: Stage, pods: Pods) -> int:
    """So many that none of them gets more requests than a pod of stable; but no more than stable has.

    A pod with more to do is slower, and the judge would take that for a slower version.
    """
    if stage.pods:
        return stage.pods
    following = next((weight for weight in plan.weights if weight > stage.weight), 100)
    alike = math.ceil(pods.stable * following / max(100 - following, 1))
    return max(1, min(alike, pods.stable))
