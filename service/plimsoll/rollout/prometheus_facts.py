"""Facts about a Prometheus that a driver relies on: its time, and how often it scrapes a release."""

from __future__ import annotations

from itertools import pairwise
from statistics import median

from plimsoll.errors import OperatorError
from plimsoll.rollout.lease import Time
from plimsoll.rollout.prometheus import Prometheus
from plimsoll.rollout.prometheus_release import ReleaseSeries

_RECENT = "5m"
_TOLERATED = 0.9


def offset_seconds(prometheus: Prometheus, time: Time) -> float:
    """The seconds by which the clock of Prometheus is ahead of `time`, to about the time that one query takes.

    Raises:
        HistoryUnavailable: Prometheus gives no answer.
    """
    asked = time.now()
    found = prometheus.ask("vector(1)")
    answered = time.now()
    there = next((each.value[0] for each in found if each.value), answered)
    return there - (asked + answered) / 2


def check_scrapes(prometheus: Prometheus, release: ReleaseSeries, interval_seconds: float) -> None:
    """Check that an interval holds at least one scrape.

    Raises:
        OperatorError: Prometheus scrapes less often.
        HistoryUnavailable: it gives no answer.
    """
    gaps = []
    for series in prometheus.ask(f"plimsoll_build_info{{{release.selector()}}}[{_RECENT}]"):
        times = [seconds for seconds, _ in series.values]
        gaps += [after - before for before, after in pairwise(times)]
    scrape_seconds = median(gaps) if gaps else 0.0
    if interval_seconds < _TOLERATED * scrape_seconds:
        raise OperatorError(
            f"--interval is {interval_seconds:g} s, and Prometheus scrapes the pods of {release.fullname} every "
            f"{scrape_seconds:g} s; expected {scrape_seconds:g} s or more"
        )


def has_rules(prometheus: Prometheus, release: ReleaseSeries) -> bool:
    """Whether the chart's recording rules run for the release.

    Raises:
        HistoryUnavailable: Prometheus gives no answer.
    """
    return bool(prometheus.ask(f"plimsoll:availability_budget:ratio{{{release.selector()}}}"))
