"""Whether the pods of both tracks are as a stage needs them."""

from __future__ import annotations

from dataclasses import dataclass

from plimsoll.rollout.kubernetes import Objects
from plimsoll.rollout.lease import Time
from plimsoll.rollout.plan import Pods
from plimsoll.rollout.state import ChangedByOthers, Record
from plimsoll.rollout.workloads import deployment, route_weight

GONE_SECONDS = 30.0
"""A canary without a ready pod for so long is rolled back."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """`ready`, or not yet, or `failed` with the reason."""

    ready: bool
    failed: str = ""


_READY = Readiness(ready=True)
_NOT_YET = Readiness(ready=False)


class Tracks:
    """Looks at the Deployments of a release and at the weights of its HTTPRoute."""

    def __init__(self, objects: Objects, time: Time) -> None:
        self._objects = objects
        self._time = time
        self._gone_since: float | None = None

    def pods(self, record: Record) -> Pods:
        """The numbers of pods that each track is to have now."""
        name = record.plan.fullname
        stable, canary = (deployment(self._objects, name, track) for track in ("stable", "canary"))
        return Pods(stable.wanted if stable else record.plan.stable_pods, canary.wanted if canary else 0)

    def canary_answers(self, record: Record) -> bool:
        """Whether a pod of the canary is ready, so that a weight sends nobody to a 503."""
        canary = deployment(self._objects, record.plan.fullname, "canary")
        return canary is not None and canary.available >= 1

    def readiness(self, record: Record) -> Readiness:
        """Whether what the present stage has changed is in force and ready."""
        stage, change, name = record.stage, record.change, record.plan.fullname
        if change is None:
            return _READY
        if stage.kind in ("add", "pods"):
            return self._of("canary", name, change.canary_pods)
        if stage.kind in ("stable", "floor"):
            return self._of("stable", name, change.stable_pods)
        if stage.kind == "restore" and change.values:
            return self._of("stable", name, 1)
        if stage.kind == "weight" and record.plan.mode == "gatewayAPI":
            shown = route_weight(self._objects, name)
            return _READY if shown in (None, stage.weight) else _NOT_YET
        return _READY

    def canary_lost(self, record: Record) -> str:
        """A sentence if the canary has had no ready pod for `GONE_SECONDS`; else empty."""
        if self.canary_answers(record):
            self._gone_since = None
            return ""
        now = self._time.monotonic()
        if self._gone_since is None:
            self._gone_since = now
        away = now - self._gone_since
        return f"the canary has had no ready pod for {away:.0f} s" if away >= GONE_SECONDS else ""

    def check_route(self, record: Record) -> None:
        """Notice a weight that somebody has set by hand.

        Raises:
            ChangedByOthers: the HTTPRoute has another weight than the rollout gave it.
        """
        if record.plan.mode != "gatewayAPI":
            return
        weight = route_weight(self._objects, record.plan.fullname)
        if weight != record.weight:
            given = "no weight for the canary" if weight is None else f"the weight {weight} for the canary"
            raise ChangedByOthers(
                f"HTTPRoute {record.plan.fullname} has {given}, and the rollout gave it {record.weight}; somebody else "
                "has changed it, so the driver stops and the split stays as it is. Undo that change and start "
                "`plimsoll rollout run` again, or end with `plimsoll rollout abort`"
            )

    def _of(self, track: str, fullname: str, least: int) -> Readiness:
        found = deployment(self._objects, fullname, track)
        if found is None:
            return _NOT_YET
        if found.settled(least):
            return _READY
        if found.observed and found.deadline_exceeded:
            return Readiness(ready=False, failed=f"the pods of {track} did not become ready: {found.complaint}")
        return _NOT_YET
