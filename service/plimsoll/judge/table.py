"""Counts of trials by pod and interval, as arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plimsoll.judge.counts import Interval, PodCounts, TrackCounts
from plimsoll.judge.evidence import Counts

Pick = Callable[[TrackCounts], tuple[Sequence[float], Sequence[float]]]
"""Takes the trials to compare out of the counts of a pod: the total of each layer, and the bad ones."""


@dataclass(frozen=True, slots=True)
class Table:
    """Total and bad trials, FP64 of shape [..., pods, intervals], and which of the pods are of the canary."""

    total: Counts
    bad: Counts
    of_canary: NDArray[np.bool_]

    @property
    def canary(self) -> tuple[Counts, Counts]:
        """Total and bad trials of the canary, [..., intervals]."""
        return self._of(self.of_canary)

    @property
    def stable(self) -> tuple[Counts, Counts]:
        """Total and bad trials of stable, [..., intervals]."""
        return self._of(~self.of_canary)

    def _of(self, pods: NDArray[np.bool_]) -> tuple[Counts, Counts]:
        return self.total[..., pods, :].sum(axis=-2), self.bad[..., pods, :].sum(axis=-2)


def tabulate(intervals: Sequence[Interval], layers: int, pick: Pick) -> Table:
    """The trials that `pick` takes out of the counts, so many layers of them; the shape is [layers, pods, intervals].

    A pod that an interval does not know has no trials in it. More bad trials than trials are all: Prometheus
    extrapolates every series on its own.
    """
    pods = sorted({(track, each.pod) for interval in intervals for track, each in _pods(interval)})
    row = {pod: number for number, pod in enumerate(pods)}
    places, picked = [], []
    for column, interval in enumerate(intervals):
        for track, each in _pods(interval):
            places.append((column, row[track, each.pod]))
            picked.append(pick(each.counts))
    trials = np.array(picked, dtype=np.float64).reshape(len(places), 2, layers)
    trials[:, 1] = np.minimum(trials[:, 1], trials[:, 0])
    sums = np.zeros((len(intervals), len(pods), 2, layers))
    np.add.at(
        sums, tuple(np.array(places, dtype=np.intp).reshape(len(places), 2).T), trials
    )  # a pod may be there twice
    total, bad = np.ascontiguousarray(sums.transpose(2, 3, 1, 0))
    return Table(total, bad, np.array([track == "canary" for track, _ in pods], dtype=bool))


def _pods(interval: Interval) -> Iterator[tuple[str, PodCounts]]:
    yield from (("canary", each) for each in interval.canary)
    yield from (("stable", each) for each in interval.stable)
