"""The checks of a rollout: each compares one thing, as far as it was counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import exp, inf

import numpy as np

from plimsoll.judge.comparisons import more_often, off_split, other_share, perhaps_slower, slower, worse_outcomes
from plimsoll.judge.counts import Interval, TrackCounts, Trials
from plimsoll.judge.dispersion import dispersion
from plimsoll.judge.evidence import Counts, log_evidence_of_several_moments, log_mean_exp
from plimsoll.judge.rules import Rules
from plimsoll.judge.table import Pick, Table, tabulate
from plimsoll.judge.verdict import Check

MOST_CLASSES = 50
OTHERS = "(others)"
"""The classes that are counted as one where there are more than `MOST_CLASSES`."""
SPLIT_ALPHA = 0.001
Comparison = Callable[[Table, float, Sequence[int]], Counts]
_MOST_STARTS = 10
_LARGEST = 1e12


def value(log: float) -> float:
    """The e-value of a logarithm, up to a trillion: no decision needs more, and it fits into any number."""
    return min(exp(min(log, 700.0)), _LARGEST)


def starts(intervals: Sequence[Interval]) -> tuple[int, ...]:
    """The intervals at which a weight began: the first, and those whose weight is not that of the one before."""
    weights = [each.weight for each in intervals]
    changed = [place for place in range(1, len(weights)) if weights[place - 1] not in (0, weights[place])]
    return (0, *changed)[:_MOST_STARTS]


@dataclass(frozen=True, slots=True)
class Answers:
    """The answered requests, and those slower than each edge: a table of shape [edges, pods, intervals].

    The edges are those of the histogram that any pod has, in seconds, in order.
    """

    edges: list[float]
    table: Table


def answers(intervals: Sequence[Interval]) -> Answers:
    """The answers of each pod in each interval. Those of a pod that does not have an edge do not count there."""
    known = set[float]().union(*(pod.counts.slower for each in intervals for pod in (*each.canary, *each.stable)))
    edges = sorted(edge for edge in known if 0 < edge < inf)

    def slower_than(counts: TrackCounts) -> tuple[list[float], list[float]]:
        given = counts.slower
        return [counts.answered if edge in given else 0.0 for edge in edges], [given.get(edge, 0.0) for edge in edges]

    return Answers(edges, tabulate(intervals, len(edges), slower_than))


def that_can_fail(intervals: Sequence[Interval], answered: Answers, rules: Rules) -> tuple[Check, ...]:
    """The checks of latency, errors and guards. The mean of their evidence decides. `answered` is of all intervals."""

    def one_sided(name: str, pick: Pick, compare: Comparison = more_often) -> Check:
        table = tabulate(intervals, 1, pick)
        return _check(name, threshold, table, compare(table, rules.margin, starts(intervals)), [""])

    def trials(name: str, counts: TrackCounts) -> tuple[tuple[float], tuple[float]]:
        found = counts.guards.get(name, Trials(0.0, 0.0))
        return (found.total,), (found.bad,)

    threshold = (2 + len(rules.guards)) / rules.alpha
    edges, table = answered.edges, answered.table
    logs = slower(table, edges, rules.margin, starts(intervals)) if edges else np.zeros((0, len(intervals)))
    return (
        _check("latency", threshold, table, logs, [f"{edge:g}" for edge in edges]),
        one_sided("errors", lambda counts: ((counts.requests,), (counts.failed,))),
        *(one_sided(f"guard:{name}", partial(trials, name), worse_outcomes) for name in rules.guards),
    )


def bucket(intervals: Sequence[Interval], answered: Answers, rules: Rules) -> Check | None:
    """Whether the canary may be slower at an edge, and the histogram is too coarse to show by how much.

    `None` where it is fine enough. `answered` is of all intervals.
    """
    if not answered.edges:
        return None
    logs = perhaps_slower(answered.table, answered.edges, rules.margin, starts(intervals))
    if logs is None:
        return None
    return _check("bucket", 1 / rules.alpha, answered.table, logs, [f"{edge:g}" for edge in answered.edges])


def split(intervals: Sequence[Interval]) -> Check | None:
    """Whether the requests are split by the weight that is set; `None` where none is, or nothing was counted."""
    weight = intervals[-1].weight if intervals else None
    if weight is None or not 0 < weight < 1:
        return None
    read = [each for each in intervals if each.weight == weight and each.canary and each.stable]
    requests = tabulate(read, 1, lambda counts: ((counts.requests,), (counts.requests,)))
    canary, stable = requests.canary[0][0], requests.stable[0][0]
    counted = float(canary.sum() + stable.sum())
    if counted <= 0:
        return None
    evidence = value(float(off_split(canary, stable, weight)[-1]))
    return Check("split", evidence, 1 / SPLIT_ALPHA, "", float(canary.sum()) / counted, weight)


def refused(intervals: Sequence[Interval], rules: Rules) -> Check | None:
    """Whether the canary refuses another share of the requests; `None` where no request was refused."""
    table = tabulate(intervals, 1, lambda counts: ((counts.requests,), (counts.refused,)))
    if not table.bad.any():
        return None
    logs = other_share(table, rules.margin, starts(intervals), log_evidence_of_several_moments)
    return _check("refused", 1 / rules.alpha, table, logs, [""])


def classes(intervals: Sequence[Interval], rules: Rules) -> Check | None:
    """Whether the canary answers the classes in other shares; `None` where they are not counted.

    Of more than `MOST_CLASSES` those that were counted first have a row each, and the rest is one class.
    """
    names = _classes_in_order(intervals)
    if not names:
        return None
    alone = names if len(names) <= MOST_CLASSES else names[: MOST_CLASSES - 1]
    rest = names[len(alone) :]

    def of_classes(counts: TrackCounts) -> tuple[list[float], list[float]]:
        numbers = [counts.classes.get(name, 0.0) for name in alone]
        if rest:
            numbers.append(sum(counts.classes.values()) - sum(numbers))
        return numbers, numbers

    shown = [*alone, OTHERS] if rest else alone
    counted = tabulate(intervals, len(shown), of_classes)
    table = replace(counted, total=np.broadcast_to(counted.total.sum(axis=0), counted.total.shape))
    logs = other_share(table, rules.margin, starts(intervals))
    return _check("classes", 1 / rules.alpha, table, logs, shown)


def _classes_in_order(intervals: Sequence[Interval]) -> list[str]:
    """The names of all classes by the interval that counted them first, so that a later one changes no row before."""
    names: dict[str, None] = {}
    for each in intervals:
        new = set[str]().union(*(pod.counts.classes for pod in (*each.canary, *each.stable))) - names.keys()
        names |= dict.fromkeys(sorted(new))
    return list(names)


def _check(name: str, threshold: float, table: Table, logs: Counts, names: Sequence[str]) -> Check:
    """The check by the log evidence of each name, FP64 of shape [names, intervals]."""
    if not logs.size:
        return Check(name, 1.0, threshold, "", 0.0, 0.0)
    speaks = int(np.argmax(logs[:, -1]))
    canary, stable = (
        float(bad[speaks].sum() / max(total[speaks].sum(), 1e-9)) for total, bad in (table.canary, table.stable)
    )
    of_speaker = Table(table.total[speaks], table.bad[speaks], table.of_canary)
    size = float(dispersion(of_speaker)[-1])
    return Check(name, value(float(log_mean_exp(logs)[-1])), threshold, names[speaks], canary, stable, size)
