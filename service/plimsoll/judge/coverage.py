"""Finds the comparisons of a step that apply and have no data: a step with such a one must not pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from plimsoll.judge.counts import Interval, PodCounts, TrackCounts
from plimsoll.judge.rules import Rules

_MOST_UNREAD_SECONDS = 120.0
_Amount = Callable[[TrackCounts], float]


def gap(step: Sequence[Interval], rules: Rules) -> str | None:
    """The sentence about the first comparison without data; `None` if the step has the data of all.

    A comparison has data where both tracks have trials in the same interval: evidence comes from nothing else.
    """
    weight = step[-1].weight if step else None
    if weight is not None and not 0 < weight < 1:
        return (
            f"The weight of the canary is {100 * weight:g} %, so one track gets only requests that name it, "
            "which is no fair comparison. The step cannot pass; set a weight between 0 and 100 %."
        )
    return _unread(step) or _without_edges(step) or _without_trials(step, rules) or _without_classes(step)


def answered_together(step: Sequence[Interval]) -> float:
    """The answers of the canary in intervals in which stable answered too."""
    return sum(
        _sum(each.canary, _answered) for each in step if _sum(each.canary, _answered) and _sum(each.stable, _answered)
    )


def _unread(step: Sequence[Interval]) -> str | None:
    """Pods that are there without requests are read; a track without pods is not."""
    last = step[-1].end_seconds if step else 0.0
    for track, name in (("canary", "The canary"), ("stable", "Stable")):
        read = max((each.end_seconds for each in step if getattr(each, track)), default=None)
        if read is not None and last - read > _MOST_UNREAD_SECONDS:
            return (
                f"{name} has not been read for {last - read:.0f} s, so the step cannot pass; see whether its pods run, "
                "and whether Prometheus reads them."
            )
    return None


def _without_edges(step: Sequence[Interval]) -> str | None:
    for each in step:
        canary, stable = (
            set[float]().union(*(pod.counts.slower for pod in track if pod.counts.answered > 0))
            for track in (each.canary, each.stable)
        )
        if canary & stable:
            return None
    return (
        "Canary and stable have counted no answers at an edge of the duration histogram that both have, so latency "
        "cannot be compared and the step cannot pass; see whether both versions count "
        "plimsoll_request_duration_seconds with the same edges."
    )


def _without_trials(step: Sequence[Interval], rules: Rules) -> str | None:
    for guard in rules.guards:

        def trials(counts: TrackCounts, guard: str = guard) -> float:
            return counts.guards[guard].total if guard in counts.guards else 0.0

        without = _lacking(step, trials)
        if without:
            return (
                f"The guard {guard} has no trials of {without} in this step, so the step cannot pass; see whether its "
                "expression selects series of both tracks, and whether they rise."
            )
    return None


def _without_classes(step: Sequence[Interval]) -> str | None:
    def predictions(counts: TrackCounts) -> float:
        return sum(counts.classes.values())

    if not any(_sum(track, predictions) for each in step for track in (each.canary, each.stable)):
        return None
    without = _lacking(step, predictions)
    if not without:
        return None
    return (
        f"Predictions by class are counted, but not of {without} in this step, so the answers cannot be compared and "
        "the step cannot pass; see whether both versions have the task tabular-classification and at most 50 labels, "
        "or go on without this comparison."
    )


def _lacking(step: Sequence[Interval], amount: _Amount) -> str:
    """The track that has none of it, or both if they never have some at once; empty if all is there."""
    if any(_sum(each.canary, amount) and _sum(each.stable, amount) for each in step):
        return ""
    has_canary, has_stable = (
        any(_sum(getattr(each, track), amount) for each in step) for track in ("canary", "stable")
    )
    return "both tracks in one interval" if has_canary == has_stable else "stable" if has_canary else "the canary"


def _answered(counts: TrackCounts) -> float:
    return counts.answered


def _sum(pods: Sequence[PodCounts], amount: _Amount) -> float:
    return sum(amount(pod.counts) for pod in pods)
