"""The pods of one track in memory, and the time in which they become ready."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from plimsoll.rollout.kubernetes import Object

START = 1_800_000_000.0
POD_SECONDS = 8.0
DEADLINE_SECONDS = 60.0


class FakeTime:
    """Time passes only while somebody sleeps, and a little with each call to the cluster."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.shift = 0.0

    def now(self) -> float:
        return START + self.seconds + self.shift

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        assert self.seconds < 200_000, "the driver waits for ever"


class Track:
    """The pods of a Deployment. Those of a version in `broken` are never ready."""

    def __init__(self, time: FakeTime, broken: set[str]) -> None:
        self._time = time
        self._broken = broken
        self.pods: list[tuple[str, float]] = []
        self.wanted = 0
        self.version = ""
        self.changed = 0.0
        self.dead_since: float | None = None
        self.ended: list[float] = []
        """A time since 1970 for each pod of which a container was started again."""

    def set(self, wanted: int, version: str) -> None:
        now = self._time.monotonic()
        if (wanted, version) == (self.wanted, self.version):
            return
        ready = now + POD_SECONDS if version not in self._broken else float("inf")
        if version != self.version:
            self.pods = [(version, ready)] * wanted
        else:
            self.pods = [*self.pods, *[(version, ready)] * wanted][:wanted]
        self.wanted, self.version, self.changed = wanted, version, now

    @property
    def available(self) -> int:
        if self.dead_since is not None:
            return 0
        return sum(ready <= self._time.monotonic() for _, ready in self.pods)

    def deployment(self, name: str) -> Object | None:
        """The Deployment, which is named for its track; `None` where no pods are wanted."""
        selector = {"matchLabels": {"track": name.rpartition("-")[2]}}
        spec = {"replicas": self.wanted, "progressDeadlineSeconds": DEADLINE_SECONDS, "selector": selector}
        head = {"kind": "Deployment", "metadata": {"name": name, "generation": 1}}
        return {**head, "spec": spec, "status": self.status()} if self.wanted else None

    def status(self) -> dict[str, Any]:
        late = self.available < self.wanted and self._time.monotonic() - self.changed > DEADLINE_SECONDS
        condition = {"type": "Progressing", "reason": "ProgressDeadlineExceeded", "message": "it has timed out"}
        return {
            "replicas": self.wanted,
            "updatedReplicas": self.wanted,
            "availableReplicas": self.available,
            "observedGeneration": 1,
            "conditions": [condition] if late else [],
        }

    def statuses(self) -> tuple[Object, ...]:
        ends = [datetime.fromtimestamp(end, UTC).isoformat() for end in self.ended]
        last = [{"restartCount": 1, "lastState": {"terminated": {"finishedAt": end}}} for end in ends]
        fresh = [{"restartCount": 0, "lastState": {}}] * (self.wanted - len(last))
        return tuple({"status": {"containerStatuses": [container]}} for container in (*last, *fresh))
