"""The checks of a rollout: each compares one thing, as far as it was counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from math import exp, inf

import numpy as np

from plimsoll.judge.comparisons import more_often, off_split, other_share, slower
from plimsoll.judge.counts import Interval, TrackCounts, Trials
from plimsoll.judge.dispersion import dispersion
from plimsoll.judge.evidence import Counts, log_mean_exp
from plimsoll.judge.rules import Rules
from plimsoll.judge.table import Pick, Table, tabulate
from plimsoll.judge.verdict import Check

MOST_CLASSES = 50
SPLIT_ALPHA = 0.001
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


def edges_of(intervals: Sequence[Interval]) -> list[float]:
    """The edges of the histogram that any pod has, in seconds, in order."""
    pods = (pod for each in intervals for pod in (*each.canary, *each.stable))
    return sorted({edge for pod in pods for edge in pod.counts.slower if 0 < edge < inf})


def answers(intervals: Sequence[Interval]) -> Table:
    """The answered requests, and those slower than each edge, of shape [edges, pods, intervals]."""

    def slower_than(edge: float, counts: TrackCounts) -> Trials:
        known = edge in counts.slower
        return Trials(counts.answered, counts.slower[edge]) if known else Trials(0.0, 0.0)

    return tabulate(intervals, [partial(slower_than, edge) for edge in edges_of(intervals)])


def that_can_fail(intervals: Sequence[Interval], rules: Rules) -> tuple[Check, ...]:
    """The checks of latency, errors and guards. The mean of their evidence decides."""

    def one_sided(name: str, pick: Pick) -> Check:
        table = tabulate(intervals, [pick])
        logs = more_often(table, rules.margin, starts(intervals))
        return _check(name, threshold, table, logs, [""])

    def trials(name: str, counts: TrackCounts) -> Trials:
        return counts.guards.get(name, Trials(0.0, 0.0))

    threshold = (2 + len(rules.guards)) / rules.alpha
    edges, table = edges_of(intervals), answers(intervals)
    logs = slower(table, edges, rules.margin, starts(intervals)) if edges else np.zeros((0, len(intervals)))
    return (
        _check("latency", threshold, table, logs, [f"{edge:g}" for edge in edges]),
        one_sided("errors", lambda counts: Trials(counts.requests, counts.failed)),
        *(one_sided(f"guard:{name}", partial(trials, name)) for name in rules.guards),
    )


def split(intervals: Sequence[Interval]) -> Check | None:
    """Whether the requests are split by the weight that is set; `None` where none is, or nothing was counted."""
    weight = intervals[-1].weight if intervals else None
    if weight is None or not 0 < weight < 1:
        return None
    read = [each for each in intervals if each.weight == weight and each.canary and each.stable]
    requests = tabulate(read, [lambda counts: Trials(counts.requests, counts.requests)])
    canary, stable = requests.canary[0][0], requests.stable[0][0]
    counted = float(canary.sum() + stable.sum())
    if counted <= 0:
        return None
    evidence = value(float(off_split(canary, stable, weight)[-1]))
    return Check("split", evidence, 1 / SPLIT_ALPHA, "", float(canary.sum()) / counted, weight)


def classes(intervals: Sequence[Interval], rules: Rules) -> Check | None:
    """Whether the canary answers the classes in other shares; `None` where they are not counted, or too many."""
    pods = [pod.counts for each in intervals for pod in (*each.canary, *each.stable)]
    names = sorted({name for counts in pods for name in counts.classes})
    if not names or len(names) > MOST_CLASSES:
        return None

    def of_class(name: str, counts: TrackCounts) -> Trials:
        number = counts.classes.get(name, 0.0)
        return Trials(number, number)

    counted = tabulate(intervals, [partial(of_class, name) for name in names])
    table = replace(counted, total=np.broadcast_to(counted.total.sum(axis=0), counted.total.shape))
    logs = other_share(table, rules.margin, starts(intervals))
    return _check("classes", 1 / rules.alpha, table, logs, names)


def _check(name: str, threshold: float, table: Table, logs: Counts, names: Sequence[str]) -> Check:
    """The check by the log evidence of each name, FP64 of shape [names, intervals]."""
    if not logs.size:
        return Check(name, 1.0, threshold, "", 0.0, 0.0)
    speaks = int(np.argmax(logs[:, -1]))
    canary, stable = (
        float(bad[speaks].sum() / max(total[speaks].sum(), 1e-9)) for total, bad in (table.canary, table.stable)
    )
    size = float(dispersion(table)[speaks, -1])
    return Check(name, value(float(log_mean_exp(logs)[-1])), threshold, names[speaks], canary, stable, size)
