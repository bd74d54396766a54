"""Whether the pods of both tracks are as a stage needs them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from plimsoll.rollout.kubernetes import ClusterUnavailable, Objects
from plimsoll.rollout.lease import Time
from plimsoll.rollout.plan import Change, Pods, Stage
from plimsoll.rollout.release_values import overlay
from plimsoll.rollout.state import ChangedByOthers, Record
from plimsoll.rollout.workloads import deployment, restarts, split

GONE_SECONDS = 30.0
"""A canary without a ready pod for so long is rolled back."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """`ready`, or not yet, or `failed` with the reason; `awaited` says what is missing if it is not the pods."""

    ready: bool
    failed: str = ""
    awaited: str = ""


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
            return self._of_route(name, stage)
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

    def restarted(self, record: Record) -> str:
        """A sentence if containers of the canary ended in this stage, in a larger part of its pods than of stable's.

        Requests that such a pod would have answered are counted nowhere. Empty, too, if the user may not list pods.
        """
        name, since = record.plan.fullname, record.since_seconds
        try:
            canary = restarts(self._objects, name, "canary", since)
            if not canary.restarted:
                return ""
            stable = restarts(self._objects, name, "stable", since)
        except ClusterUnavailable:
            return ""
        if canary.share <= stable.share:
            return ""
        return (
            f"containers ended and were started again in {canary.restarted} of {canary.pods} pods of the canary, and "
            f"in {stable.restarted} of {stable.pods} of stable, since stage `{record.stage.name}` began; see `kubectl "
            f"describe pod` and `kubectl logs --previous`"
        )

    def needed_canary_lost(self, record: Record) -> str:
        """As `canary_lost`, in a stage that needs the canary: each but the first, its removal and the way back."""
        stage = record.stage
        relieved = stage.kind == "end" or (stage.kind == "weight" and stage.weight == 0)
        needed = record.route == "forward" and record.position > 0 and not relieved
        return self.canary_lost(record) if needed else ""

    def only_stable_answers(self, record: Record) -> bool:
        """Whether, on the way back, the canary has a weight and no ready pod, and stable has one."""
        if record.route == "forward" or record.weight == 0 or self.canary_answers(record):
            return False
        stable = deployment(self._objects, record.plan.fullname, "stable")
        return stable is not None and stable.available >= 1

    def relieved(self, record: Record, change: Change) -> Change:
        """The change, with weight 0 at once where it would leave a weight to a canary that does not answer."""
        if record.stage.kind != "restore" or not self.only_stable_answers(record):
            return change
        return replace(change, values=overlay(change.values, {"canary": {"weight": 0}}))

    def check_route(self, record: Record) -> None:
        """Notice a weight that somebody has set by hand.

        Raises:
            ChangedByOthers: the HTTPRoute has another weight than the rollout gave it.
        """
        if record.plan.mode != "gatewayAPI":
            return
        weight = split(self._objects, record.plan.fullname).weight
        if weight != record.weight:
            given = "no weight for the canary" if weight is None else f"the weight {weight} for the canary"
            raise ChangedByOthers(
                f"HTTPRoute {record.plan.fullname} has {given}, and the rollout gave it {record.weight}; somebody else "
                "has changed it, so the driver stops and the split stays as it is. Undo that change and start "
                "`plimsoll rollout run` again, or end with `plimsoll rollout abort`"
            )

    def _of_route(self, fullname: str, stage: Stage) -> Readiness:
        """Whether the weight is in the HTTPRoute and the Gateway follows it; before that, requests go as they did."""
        found = split(self._objects, fullname)
        if found.weight not in (None, stage.weight):
            return _NOT_YET
        if not found.accepted:
            return Readiness(ready=False, awaited=f"no Gateway has accepted the weight of stage `{stage.name}`")
        return _READY

    def _of(self, track: str, fullname: str, least: int) -> Readiness:
        found = deployment(self._objects, fullname, track)
        if found is None:
            return _NOT_YET
        if found.settled(least):
            return _READY
        if found.observed and found.deadline_exceeded:
            return Readiness(ready=False, failed=f"the pods of {track} did not become ready: {found.complaint}")
        return _NOT_YET
