"""Puts the parts of a rollout together for one command."""

from __future__ import annotations

import os
import signal
import socket
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import typer
from rich.console import Console

from plimsoll.cli.complaint import complain
from plimsoll.errors import OperatorError
from plimsoll.judge.judgement import judge
from plimsoll.rollout.beginning import Wanted, make_plan, not_promoted, read_release
from plimsoll.rollout.clock import SteadyClock, Stopped
from plimsoll.rollout.committed import CommittedRelease
from plimsoll.rollout.conduct import Conductor
from plimsoll.rollout.display import Display
from plimsoll.rollout.display_lines import JsonLines, PlainLines
from plimsoll.rollout.display_table import LiveTable
from plimsoll.rollout.driver import Held, Patience, Ports
from plimsoll.rollout.forecasting import refusal_by
from plimsoll.rollout.guard_series import check_guards
from plimsoll.rollout.guards import read_guards
from plimsoll.rollout.helm import HelmRelease, chart_version, check_helm, split_chart
from plimsoll.rollout.history import HistoryUnavailable
from plimsoll.rollout.kubernetes import KubectlObjects
from plimsoll.rollout.lease import DriverLease, LeaseKeeper
from plimsoll.rollout.naming import rollout_name
from plimsoll.rollout.plan import Plan
from plimsoll.rollout.programs import LocalPrograms
from plimsoll.rollout.prometheus import Prometheus
from plimsoll.rollout.prometheus_facts import check_scrapes, has_rules, offset_seconds
from plimsoll.rollout.prometheus_history import PrometheusHistory
from plimsoll.rollout.prometheus_release import ReleaseSeries
from plimsoll.rollout.recent_objects import RecentObjects
from plimsoll.rollout.rehearsal import rehearse
from plimsoll.rollout.state import Record, RecordStore, Stored

PROMOTED, FAILED, ROLLED_BACK, UNFINISHED = 0, 1, 3, 4
"""Exit codes; 2 is for options that cannot be read."""
_CODES = {"promoted": PROMOTED, "rolled back": ROLLED_BACK, "": UNFINISHED}


@dataclass(frozen=True, slots=True)
class Target:
    """The release, and the Prometheus that scrapes it. An empty field is taken from the rollout under way."""

    release: str
    namespace: str
    chart: str = ""
    prometheus: str = ""
    token_file: Path | None = None
    ca_file: Path | None = None
    cluster: str = ""


class Opened:
    """A release, opened for one command. Nothing is changed by opening it.

    `committed` and `guards` are for a new rollout; one under way has its own in its `plan`.

    Raises:
        OperatorError: helm or kubectl are missing, or there is no such release.
    """

    def __init__(self, target: Target, *, committed: bool = False, guards: tuple[str, ...] = ()) -> None:
        self.programs = LocalPrograms()
        check_helm(self.programs)
        self.objects = RecentObjects(KubectlObjects(self.programs, target.namespace), SteadyClock())
        reader = HelmRelease(self.programs, target.release, target.namespace)
        self.fullname, last, self.values = read_release(reader, target.release)
        self.store = RecordStore(self.objects, rollout_name(self.fullname))
        self.stored: Stored | None = self.store.read()
        self.plan = plan = self.stored.record.plan if self.stored and not self.stored.record.ended else None
        self.committed = plan.committed if plan else committed
        self._guards = plan.guards if plan else guards
        cluster = target.cluster or (plan.cluster if plan else "")
        self.series = ReleaseSeries(self.fullname, target.namespace, cluster)
        self._url = target.prometheus or (plan.prometheus if plan else "")
        self._target = target
        self.chart = _lasting(target.chart) or (plan.chart if plan else "")
        self._expected = plan.chart_version if plan else last.chart
        self._version = (split_chart(self._expected) or ("", ""))[1]
        self.release = HelmRelease(self.programs, target.release, target.namespace, self.chart, self._version)

    @cached_property
    def prometheus(self) -> Prometheus:
        """The Prometheus that scrapes the release.

        Raises:
            OperatorError: none is given, or its URL is none, or holds a password.
        """
        if not self._url:
            raise OperatorError(
                "no Prometheus is given; give the URL of the one that scrapes the release: --prometheus"
            )
        return Prometheus(self._url, self._target.token_file, self._target.ca_file)

    @cached_property
    def history(self) -> PrometheusHistory:
        """The reader of the release's counts."""
        return PrometheusHistory(self.prometheus, self.series, read_guards(self._guards))

    def planning(self, wanted: Callable[[Opened], Wanted], display: Display) -> Callable[[], tuple[Plan, int]]:
        """Makes the plan and checks all that can be checked before something is changed."""

        def make() -> tuple[Plan, int]:
            asked = wanted(self)
            plan, revision = make_plan(asked, self.release, self.objects)
            check_scrapes(self.prometheus, self.series, asked.interval_seconds)
            check_guards(self.prometheus, self.series, read_guards(asked.guards))
            if not has_rules(self.prometheus, self.series):
                display.note(
                    f"{self.prometheus.name} has no recording rules for {self.fullname}; the rollout needs none, but "
                    "the dashboard and `plimsoll judge serve` do (monitoring.rules.enabled=true)"
                )
            if left := not_promoted(plan, self.values):
                display.note(
                    f"{', '.join(left)} {'is' if len(left) == 1 else 'are'} the canary's alone: the judge compares "
                    "with it, and the promotion leaves it out. Give stable the same values afterwards, or leave them "
                    "out now"
                )
            if not asked.committed:
                first, _ = rehearse(plan, self.values)
                self.release.try_upgrade(first[0].changes)
            return plan, revision

        return make

    def check_free(self) -> None:
        """Check that no rollout is under way, where one can only be planned.

        Raises:
            OperatorError: one is; says at which stage.
        """
        if self.stored and not self.stored.record.ended:
            raise OperatorError(
                f"a rollout of {self._target.release} is under way, at stage `{self.stored.record.stage.name}`, so "
                "there is none to plan; `plimsoll rollout status` shows it"
            )

    def chart_version(self) -> str:
        """Name and version of the chart that is given; that of the release where others commit its values.

        Raises:
            OperatorError: none is given, or it is no chart.
        """
        if self.committed:
            return self._expected
        if not self.chart:
            raise OperatorError("no chart is given; give the chart of the release as --chart")
        return chart_version(self.programs, self.chart, self._version)

    def check_chart(self) -> None:
        """Check, before this process changes anything, that the chart is still that of the rollout under way.

        Raises:
            OperatorError: it is another, or it is not found from here.
        """
        if self.plan and (found := self.chart_version()) != self._expected:
            raise OperatorError(
                f"the rollout under way is of chart {self._expected}, and {self.chart} is {found}; give the chart of "
                "the rollout as --chart"
            )


@contextmanager
def shown_on(*, as_json: bool) -> Iterator[Display]:
    """The display that fits standard output."""
    if as_json:
        yield JsonLines(typer.echo)
    elif sys.stdout.isatty():
        with LiveTable(Console()) as table:
            yield table
    else:
        yield PlainLines(typer.echo)


@contextmanager
def conducting(opened: Opened, display: Display, patience: Patience) -> Iterator[Conductor]:
    """A conductor for the release, whose Lease is kept and whose waits a signal ends.

    Raises:
        OperatorError: see `Opened`; or the chart is not that of the rollout under way.
    """
    opened.check_chart()
    clock = SteadyClock(_offset(opened.prometheus, display))
    lease = DriverLease(opened.objects, rollout_name(opened.fullname), _identity(), clock)
    ports = Ports(
        release=CommittedRelease(opened.release, display.commit) if opened.committed else opened.release,
        objects=opened.objects,
        store=opened.store,
        lease=lease,
        history=opened.history,
        time=clock,
        judge=judge,
        refusal=refusal_by(opened.history),
    )
    with ExitStack() as stack:
        stack.callback(opened.prometheus.close)
        stack.enter_context(_stopping(clock))
        stack.enter_context(LeaseKeeper(lease))
        yield Conductor(ports, display, patience)


@contextmanager
def ending() -> Iterator[None]:
    """Turn errors into sentences and exit codes."""
    try:
        yield
    except (Held, Stopped) as error:
        complain(error.message)
        raise typer.Exit(UNFINISHED) from None
    except OperatorError as error:
        complain(error.message)
        raise typer.Exit(FAILED) from None


def code_of(record: Record) -> int:
    """The exit code of a rollout."""
    return _CODES[record.outcome]


def _offset(prometheus: Prometheus, display: Display) -> float:
    try:
        offset = offset_seconds(prometheus, SteadyClock())
    except HistoryUnavailable as error:
        display.note(f"{error.message}; the time of this machine is used")
        return 0.0
    if abs(offset) > 5:  # noqa: PLR2004  # seconds
        display.note(f"the clock of {prometheus.name} differs from this machine's by {offset:.0f} s; its time is used")
    return offset


def _lasting(chart: str) -> str:
    """The chart in words that also a command in another folder understands."""
    return str(Path(chart).resolve()) if chart and Path(chart).exists() else chart


def _identity() -> str:
    return f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


@contextmanager
def _stopping(clock: SteadyClock) -> Iterator[None]:
    """Have SIGINT and SIGTERM end the next wait, between two changes and never within one."""
    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: clock.stop()) for number in signals]
    try:
        yield
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)
