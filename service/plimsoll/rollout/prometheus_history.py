"""Reads the counts of one release from a Prometheus."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from plimsoll.judge.counts import Interval
from plimsoll.rollout.guards import Guard
from plimsoll.rollout.history import HistoryUnavailable, Period, Traffic
from plimsoll.rollout.prometheus import Grid, Prometheus, QueryRefused, ReplyTooLong, Series
from plimsoll.rollout.prometheus_release import PART, ReleaseSeries, parts, require_one_cluster, require_series
from plimsoll.rollout.track_counts import GuardSeries, ProcessSeries, intervals_of

MOST_POINTS = (1000, 500, 250, 125, 63, 32)
"""Points of one period, and again fewer where the reply would be too long. A longer period has longer intervals."""
_FAILED, _REFUSED = 'code=~"5..|499"', 'code=~"4..", code!~"401|403|429|499"'
_PROCESS = ("cluster", "service", "pod", "instance", "job")


class PrometheusHistory:
    """The counts of one release, by process and track; a `History`.

    A period is read at points that begin with it and are an interval apart, or a power of two of intervals where it is
    long. Requests after the last point are left out until there is another one, so that an interval that was read once
    is read the same ever after.
    """

    def __init__(self, prometheus: Prometheus, release: ReleaseSeries, guards: Sequence[Guard] = ()) -> None:
        self._prometheus = prometheus
        self._release = release
        self._guards = tuple(guards)

    def read(self, periods: Sequence[Period], interval_seconds: float) -> tuple[Interval, ...]:
        """The increases of both tracks in every interval of the periods, in the order of time.

        A period that is shorter than an interval has none.

        Raises:
            HistoryUnavailable: Prometheus gives no answer, refuses a guard, or knows no such release.
        """
        intervals: list[Interval] = []
        for period in periods:
            intervals += self._read_period(period, interval_seconds)
        if intervals and not any(each.canary or each.stable for each in intervals):
            require_series(self._prometheus, self._release)
        return tuple(intervals)

    def traffic(self, seconds: float) -> Traffic:
        """The requests of the last so many seconds, at the rate that Prometheus computes.

        Raises:
            HistoryUnavailable: Prometheus gives no answer, or knows no such release.
        """
        found = self._prometheus.ask(_traffic_expression(self._release, max(1, round(seconds))))
        numbers: dict[tuple[str, str], float] = {}
        for series in found:
            number = float(series.value[1]) if series.value else math.nan
            if math.isfinite(number):
                numbers[series.metric.get(PART, ""), series.metric.get("le", "")] = number
        if not numbers:
            require_series(self._prometheus, self._release)
        stable, answered = numbers.get(("stable", ""), 0.0), numbers.get(("within", "+Inf"), 0.0)
        return Traffic(
            requests_per_second=numbers.get(("all", ""), 0.0),
            failed=min(1.0, numbers.get(("failed", ""), 0.0) / stable) if stable > 0 else 0.0,
            slower={
                float(edge): min(1.0, max(0.0, 1 - within / answered))
                for (part, edge), within in numbers.items()
                if part == "within" and edge != "+Inf" and answered > 0
            },
        )

    def _read_period(self, period: Period, interval_seconds: float) -> list[Interval]:
        for most in MOST_POINTS:
            grid = grid_of(period, interval_seconds, most)
            if grid is None:
                return []
            try:
                return self._read_grid(grid, period.weight)
            except ReplyTooLong as error:
                too_long = error
        raise HistoryUnavailable(f"{too_long.message}; ask for a shorter time, or set a longer --interval")

    def _read_grid(self, grid: Grid, weight: float | None) -> list[Interval]:
        found = self._prometheus.ask_range(_counts_expression(self._release), grid)
        require_one_cluster(self._prometheus, self._release, (each.metric.get("cluster", "") for each in found))
        processes: dict[tuple[str, ...], ProcessSeries] = {}
        for series in found:
            labels = series.metric
            key = tuple(labels.get(name, "") for name in _PROCESS)
            if key not in processes:
                pod = labels.get("pod") or labels.get("instance", "")
                processes[key] = ProcessSeries(self._release.track(labels.get("service", "")), pod)
            name = (labels.get(PART, ""), labels.get("le") or labels.get("class", ""))
            processes[key].series[name] = sampled(series, grid)
        guards = [each for guard in self._guards for each in self._read_guard(guard, grid)] if processes else []
        return intervals_of(grid, weight, list(processes.values()), guards)

    def _read_guard(self, guard: Guard, grid: Grid) -> list[GuardSeries]:
        expressions = {
            f"{kind} {track}": expr
            for track in ("canary", "stable")
            for kind, expr in guard.expressions(track, self._release.fullname, self._release.namespace).items()
        }
        try:
            found = self._prometheus.ask_range(parts(expressions), grid)
        except QueryRefused as error:
            raise HistoryUnavailable(
                f"{self._prometheus.name} refuses the expressions of the guard {guard.name}: {error.said}; correct its "
                "--guard"
            ) from None
        return [
            GuardSeries(
                guard=guard.name,
                kind="good" if series.metric[PART].startswith("good") else "total",
                track="canary" if series.metric[PART].endswith("canary") else "stable",
                pod=series.metric.get("pod", ""),
                values=sampled(series, grid),
                delay_seconds=guard.delay_seconds,
            )
            for series in found
            if PART in series.metric
        ]


def grid_of(period: Period, interval_seconds: float, most: int) -> Grid | None:
    """The points at which a period is read: its start and each interval after; `None` if it is shorter than that."""
    start = round(period.start_seconds, 3)
    step = max(interval_seconds, 1.0)
    while (period.end_seconds - start) / step > most:
        step *= 2
    points = int((period.end_seconds - start) / step) + 1
    return Grid(start, step, points) if points > 1 else None


def sampled(series: Series, grid: Grid) -> np.typing.NDArray[np.float64]:
    """The values of a series at the points of a grid, [points]; NaN where it has none, or no finite one."""
    values = np.full(grid.points, np.nan)
    for seconds, text in series.values:
        place = grid.place(seconds)
        if 0 <= place < grid.points:
            value = float(text)
            values[place] = value if math.isfinite(value) else math.nan
    return values


def _counts_expression(release: ReleaseSeries) -> str:
    """Everything about all processes in one query, so that all of it is of the same moment."""
    of, by = release.selector(), ", ".join(_PROCESS)
    return parts(
        {
            "requests": f"sum by ({by}) (plimsoll_requests_total{{{of}}})",
            "failed": f"sum by ({by}) ({_failed(of)})",
            "refused": f"sum by ({by}) (plimsoll_requests_total{{{of}, {_REFUSED}}})",
            "within": f"sum by ({by}, le) (plimsoll_request_duration_seconds_bucket{{{of}}})",
            "class": f"sum by ({by}, class) (plimsoll_predictions_total{{{of}}})",
            "read": f"max by ({by}) (timestamp(plimsoll_build_info{{{of}}}))",
            "started": f"min by ({by}) (process_start_time_seconds{{{of}}})",
            "up": f"min by ({by}) (up{{{of}}})",
        }
    )


def _failed(of: str) -> str:
    """5xx and 429 from a full queue, as plimsoll:availability_bad counts them, and requests that their clients left."""
    return f'plimsoll_requests_total{{{of}, {_FAILED}}} or plimsoll_requests_shed_total{{{of}, reason="overloaded"}}'


def _traffic_expression(release: ReleaseSeries, seconds: int) -> str:
    both, stable, window = release.selector(), release.selector("stable"), f"[{seconds}s]"
    expressions: Mapping[str, str] = {
        "all": f"sum (rate(plimsoll_requests_total{{{both}}}{window}))",
        "stable": f"sum (rate(plimsoll_requests_total{{{stable}}}{window}))",
        "failed": (
            f"sum (rate(plimsoll_requests_total{{{stable}, {_FAILED}}}{window})"
            f' or rate(plimsoll_requests_shed_total{{{stable}, reason="overloaded"}}{window}))'
        ),
        "within": f"sum by (le) (rate(plimsoll_request_duration_seconds_bucket{{{stable}}}{window}))",
    }
    return parts(dict(expressions))
