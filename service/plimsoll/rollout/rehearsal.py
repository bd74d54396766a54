"""The changes of a whole rollout, before it begins, as far as they can be known then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from plimsoll.rollout.plan import Plan, Pods, Route, Stage, change_of, promotion_begins, stages
from plimsoll.rollout.release_values import Values, at, difference, overlay


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """The changes of one stage; none if the values are so already."""

    stage: Stage
    changes: dict[str, Any]


def rehearse(plan: Plan, values: Values) -> tuple[tuple[Rehearsed, ...], tuple[Rehearsed, ...]]:
    """The changes of a promotion, and those of a rollback in the last step that the judge decides.

    The numbers of pods are those of now; with an autoscaler others may be needed then.
    """
    forward = list(_walk(plan, "forward", dict(values)))
    reached = dict(values)
    for each in forward[: promotion_begins(plan)]:
        reached = overlay(reached, each.changes)
    return tuple(forward), tuple(_walk(plan, "back", reached))


def _walk(plan: Plan, route: Route, values: dict[str, Any]) -> Iterator[Rehearsed]:
    for stage in stages(plan, route):
        pods = Pods(stable=plan.stable_pods, canary=int(at(values, "canary.replicas", 1)))
        changes = difference(values, change_of(plan, stage, values, pods).values)
        values = overlay(values, changes)
        yield Rehearsed(stage, changes)
