"""Processes that drive a rollout of the release in memory, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from plimsoll.judge.counts import Interval
from plimsoll.judge.rules import Rules
from plimsoll.judge.verdict import Verdict
from plimsoll.rollout.beginning import Wanted, make_plan
from plimsoll.rollout.conduct import Conductor
from plimsoll.rollout.display import EventKind, Look
from plimsoll.rollout.driver import Patience, Ports
from plimsoll.rollout.history import HistoryUnavailable, Period, Traffic
from plimsoll.rollout.lease import DriverLease
from plimsoll.rollout.plan import Plan
from plimsoll.rollout.release_values import Values
from plimsoll.rollout.state import Record, RecordStore

from tests.doubles.rollout_cluster import CHART, NAME, FakeCluster
from tests.doubles.rollout_pods import FakeTime

CANARY = {"model": {"version": "2"}}
RECORD = f"{NAME}-rollout"
Script = Callable[[int, float], str]
"""The result of the judge by the weight of the canary and the seconds that the step has counted."""


def verdict(result: str, reason: str = "the reason") -> Verdict:
    """A verdict of which only the result matters."""
    return Verdict(result, reason, 1.0, 20.0, (), 100.0, 900.0, 0.1, 1.0, 200.0)  # type: ignore[arg-type]  # of a script


def good(_weight: int, seconds: float) -> str:
    """A canary that passes each step after a minute."""
    return "pass" if seconds >= 60 else "continue"


def bad_at(weight: int) -> Script:
    """A canary that is found worse at a weight, after half a minute."""
    return lambda present, seconds: "fail" if present >= weight and seconds >= 30 else good(present, seconds)


class Shown:
    """A display that keeps what it is given."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.events: list[tuple[str, str]] = []
        self.looks: list[Look] = []
        self.commits: list[Values] = []

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)

    def event(self, kind: EventKind, sentence: str, record: Record) -> None:
        del record
        self.events.append((kind, sentence))

    def look(self, look: Look) -> None:
        self.looks.append(look)

    def commit(self, changes: Values) -> None:
        self.commits.append(changes)


class FakeHistory:
    """A Prometheus without numbers; it may be down. `periods` are those that were last read."""

    def __init__(self, time: FakeTime) -> None:
        self._time = time
        self.down_until = 0.0
        self.periods: tuple[Period, ...] = ()

    def read(self, periods: Sequence[Period], interval_seconds: float) -> tuple[Interval, ...]:
        del interval_seconds
        self.ask()
        self.periods = tuple(periods)
        return ()

    def traffic(self, seconds: float) -> Traffic:
        del seconds
        self.ask()
        return Traffic(20.0)

    def ask(self) -> None:
        if self._time.monotonic() < self.down_until:
            raise HistoryUnavailable("Prometheus does not answer")


class Session:
    """Starts drivers of one release. Each is a process of its own: it remembers nothing of the one before."""

    def __init__(self, values: Values | None = None, broken: set[str] | None = None) -> None:
        self.time = FakeTime()
        self.cluster = FakeCluster(self.time, values, broken) if values else FakeCluster(self.time, broken=broken)
        self.history = FakeHistory(self.time)
        self.script: Script = good
        self.refused = ""
        self.shown = Shown()
        self.processes = 0

    def conductor(self, **patience: Any) -> Conductor:
        """A new process."""
        self.processes += 1
        lease = DriverLease(self.cluster, RECORD, f"driver-{self.processes}", self.time)
        ports = Ports(
            release=self.cluster,
            objects=self.cluster,
            store=RecordStore(self.cluster, RECORD),
            lease=lease,
            history=self.history,
            time=self.time,
            judge=self._judge,
            refusal=lambda _record, _stage: self.refused,
        )
        return Conductor(ports, self.shown, Patience(**patience))

    def run(self, **wanted: Any) -> Record:
        """`plimsoll rollout run` to its end."""
        return self.conductor().run(self.planning(**wanted), CANARY)

    def planning(self, **wanted: Any) -> Callable[[], tuple[Plan, int]]:
        """The making of the plan, as `make_plan`."""
        whole = {
            "release": NAME,
            "namespace": "models",
            "chart": "charts/plimsoll",
            "chart_version": CHART,
            "canary": CANARY,
            "prometheus": "http://prometheus:9090",
        } | wanted
        return lambda: make_plan(Wanted(**whole), self.cluster, self.cluster)

    def record(self) -> Record:
        """The record as it is stored."""
        stored = RecordStore(self.cluster, RECORD).read()
        assert stored is not None
        return stored.record

    def _judge(self, intervals: Sequence[Interval], step_start_seconds: float, rules: Rules) -> Verdict:
        del intervals, rules
        share = self.cluster.weight or self.cluster.canary.wanted
        return verdict(self.script(share, self.time.now() - step_start_seconds))
