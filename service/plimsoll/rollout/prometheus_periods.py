"""Reads from a Prometheus since when the present canary runs, and at which weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from plimsoll.rollout.history import HistoryUnavailable, Period
from plimsoll.rollout.prometheus import Grid, Prometheus
from plimsoll.rollout.prometheus_release import PART, ReleaseSeries, parts, require_one_cluster, require_series

LOOK_BACK_SECONDS = 86400.0
_MOST_POINTS = 6000
_GAP_SECONDS = 600.0
"""A canary that is not seen for longer begins again when it is back."""
RELOAD_SECONDS = 120.0
"""A new weight is in a recording rule this much later than in the route: first Prometheus has to load its rules."""
_POD_TEMPLATE = 'label_replace({}, "pod_template", "$1", "pod", "(.+).{{5}}")'
"""A pod's name without the five characters at its end is that of its ReplicaSet, so it has the hash of its template.

Of a Deployment with a name of more than about 47 characters the hash is cut off; then templates look alike.
"""
_RULES = (
    "set monitoring.rules.enabled=true, or, where a controller other than Helm sets the weights, ask with split=unknown"
)


class NoCanary(HistoryUnavailable):
    """There is no canary that gets requests now."""


@dataclass(frozen=True, slots=True)
class RecordedRollout:
    """The periods of the present canary, in the order of time, and when its present weight came into force.

    Without a complete interval yet there are no periods. Both times are in seconds since 1970.
    """

    periods: tuple[Period, ...]
    since_seconds: float
    step_start_seconds: float


@dataclass(slots=True)
class _Sighting:
    """The weight of the canary, and the models and templates of its pods, at a point of time."""

    seconds: float
    weight: float | None = None
    identity: frozenset[tuple[str, ...]] = frozenset()


def periods_from_rules(
    prometheus: Prometheus,
    release: ReleaseSeries,
    now_seconds: float,
    interval_seconds: float,
    *,
    weights_are_recorded: bool = True,
) -> RecordedRollout:
    """The periods of constant weight of the canary that runs now, at most a day back.

    They begin where the pods of the canary got the model and the template (so the image) that they have now, its weight
    was above 0, and no time of more than ten minutes passed without it. A pod that restarts, or that another one of its
    template replaces, begins nothing. Two intervals after each change are cut off, and two minutes before it and before
    now, because the rule follows the route that much later. Where the weights are not recorded there is one period of
    an unknown weight, without that cut.

    Raises:
        NoCanary: no canary runs, or it has weight 0.
        HistoryUnavailable: Prometheus gives no answer, knows no such release, or has no recording rules.
    """
    grid = _grid(now_seconds, interval_seconds)
    sightings = _sightings(prometheus, release, grid)
    present = next((each for each in reversed(sightings) if each.identity), None)
    if present is None or now_seconds - present.seconds > _GAP_SECONDS:
        require_series(prometheus, release)
        raise NoCanary(f"release {release.fullname} in namespace {release.namespace} has no canary now")
    settling = 2 * interval_seconds
    if not weights_are_recorded:
        run = _unbroken([replace(each, weight=None) for each in sightings if each.identity], present.identity)
        start = run[0].seconds + settling
        periods = (Period(start, now_seconds, None),) if start < now_seconds else ()
        return RecordedRollout(periods, start, start)
    known = [each for each in sightings if each.weight is not None]
    if not known or now_seconds - known[-1].seconds > _GAP_SECONDS:
        raise HistoryUnavailable(
            f"{prometheus.name} does not record the weight of {release.fullname}-canary "
            f"(plimsoll:canary_weight:ratio): {_RULES}"
        )
    if known[-1].weight == 0:
        raise NoCanary(
            f"the canary of release {release.fullname} in namespace {release.namespace} has weight 0; if a controller "
            "other than Helm sets the weights, ask with split=unknown"
        )
    return _recorded(_unbroken(known, present.identity), settling, now_seconds)


def _grid(now_seconds: float, interval_seconds: float) -> Grid:
    """Points at multiples of the step since 1970, so that a later look sees a change at the same point."""
    step = max(interval_seconds, 1.0)
    while LOOK_BACK_SECONDS / step > _MOST_POINTS:
        step *= 2
    points = int(LOOK_BACK_SECONDS / step) + 1
    return Grid(round((now_seconds // step - points + 1) * step, 3), step, points)


def _sightings(prometheus: Prometheus, release: ReleaseSeries, grid: Grid) -> list[_Sighting]:
    of = release.selector("canary")
    found = prometheus.ask_range(
        parts(
            {
                "weight": f"max by (cluster) (plimsoll:canary_weight:ratio{{{of}}})",
                "model": f"group by (cluster, model, version, digest) (plimsoll_model_info{{{of}}} == 1)",
                "image": "group by (cluster, version, pod_template) "
                f"({_POD_TEMPLATE.format(f'plimsoll_build_info{{{of}}}')})",
            }
        ),
        grid,
    )
    require_one_cluster(prometheus, release, (each.metric.get("cluster", "") for each in found))
    sightings = [_Sighting(grid.start_seconds + grid.step_seconds * place) for place in range(grid.points)]
    for series in found:
        what = tuple(series.metric.get(name, "") for name in (PART, "model", "version", "digest", "pod_template"))
        for seconds, text in series.values:
            place, value = grid.place(seconds), float(text)
            if not (0 <= place < grid.points and math.isfinite(value)):
                continue
            if what[0] == "weight":
                sightings[place].weight = value
            else:
                sightings[place].identity |= {what}
    for each in sightings:
        if not any(what[0] == "model" for what in each.identity):
            each.identity = frozenset()  # it loads its model, or is gone
    return sightings


def _unbroken(sightings: Sequence[_Sighting], identity: frozenset[tuple[str, ...]]) -> list[_Sighting]:
    """The last sightings without another canary, weight 0 or a long gap between them, in the order of time."""
    run: list[_Sighting] = []
    for each in reversed(sightings):
        other = each.identity not in (identity, frozenset())
        if other or each.weight == 0 or (run and run[-1].seconds - each.seconds > _GAP_SECONDS):
            break
        run.append(each)
    return run[::-1]


def _recorded(run: Sequence[_Sighting], settling: float, now_seconds: float) -> RecordedRollout:
    """The periods of constant weight in a run of sightings that all have one."""
    changes = [0] + [place for place in range(1, len(run)) if run[place].weight != run[place - 1].weight]
    periods = []
    for place, change in enumerate(changes):
        last = place == len(changes) - 1
        end = now_seconds if last else run[changes[place + 1] - 1].seconds
        period = Period(run[change].seconds + settling, end - RELOAD_SECONDS, run[change].weight)
        if period.start_seconds < period.end_seconds:
            periods.append(period)
    step_start = run[changes[-1]].seconds + settling
    return RecordedRollout(tuple(periods), run[0].seconds + settling, step_start)
