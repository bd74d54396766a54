"""The counts that a rollout was judged by, read from Prometheus once more, and kept with the results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from plimsoll.judge.counts import Interval
from plimsoll.judge.judgement import judge
from plimsoll.judge.rules import Rules
from plimsoll.rollout.history import Period
from plimsoll.rollout.prometheus import Prometheus
from plimsoll.rollout.prometheus_history import PrometheusHistory
from plimsoll.rollout.prometheus_release import ReleaseSeries

from tests.e2e.release import CHART
from tests.e2e.rollouts_picture import Look, looks
from tests.e2e.rollouts_stream import to_csv

RESULTS = Path(__file__).parent / "results"
INTERVAL_SECONDS = 15.0


def periods_of(record: dict[str, Any]) -> list[Period]:
    """The times at which a rollout counted, as its record has them."""
    return [Period(each["start_seconds"], each["end_seconds"], each["weight"]) for each in record["periods"]]


def read_intervals(
    url: str, namespace: str, name: str, periods: Sequence[Period], interval_seconds: float = INTERVAL_SECONDS
) -> tuple[Interval, ...]:
    """What both tracks of a release did in some periods."""
    prometheus = Prometheus(url)
    try:
        return PrometheusHistory(prometheus, ReleaseSeries(name, namespace)).read(periods, interval_seconds)
    finally:
        prometheus.close()


def keep(name: str, intervals: Sequence[Interval]) -> Path:
    """Write intervals into the results, as `rollouts-NAME.csv`."""
    path = RESULTS / f"rollouts-{name}.csv"
    path.write_text(to_csv(intervals), encoding="utf-8")
    return path


def keep_words(said: Mapping[str, str]) -> Path:
    """Write what the commands of some rollouts printed into the results, each under its title."""
    parts = [f"## {title}\n\n```text\n{words.strip()}\n```\n" for title, words in said.items()]
    path = RESULTS / "rollouts-said.md"
    text = "\n".join(["# What `plimsoll rollout run` printed\n", *parts])
    path.write_text(text.replace(str(CHART), "charts/plimsoll"), encoding="utf-8")
    return path


def judged(intervals: Sequence[Interval], rules: Rules | None = None) -> list[Look]:
    """What the judge says after each interval."""
    return looks(intervals, rules or Rules(), judge)
