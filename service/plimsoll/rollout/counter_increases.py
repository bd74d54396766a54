"""The increases of cumulative counters between points of time: restarts, missed scrapes, processes that come and go.

A process is read at equally spaced points. Its counters start at 0 with it, and only rise while it lives. The increases
go to intervals between points at which everything that lives has been read again, because otherwise one track would
show the requests of a longer time than the other. Such a point closes an interval; what was seen at the points between
two of them belongs to the interval that the second one closes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]

_CLOCK_SECONDS = 1.0
"""The start of a process is the same one if it differs by less."""


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """The state of one process at the points of a period.

    `read_at` [points] is the time of the scrape that a point shows, NaN where it shows none. `started` [points] is the
    start of the process, NaN where it is not known. `values` [points, counters] are NaN where a counter is not there.
    """

    read_at: Numbers
    started: Numbers
    values: Numbers


def closing_points(times: Numbers, read_at: Sequence[Numbers], unreadable: Flags) -> Flags:
    """The points at which everything that lives has been read since the closing point before.

    Args:
        times: [points], two or more, equally spaced, in seconds.
        read_at: those of each process, [points]; NaN where it is not there.
        unreadable: [points], where processes of a track are known and none of them could be read.

    Returns:
        [points]; the first closing point is the baseline of the others.
    """
    closes = np.zeros(len(times), dtype=np.bool_)
    if not read_at:
        return closes
    oldest = np.fmin.reduce(np.stack(read_at))
    last = times[0] - (times[1] - times[0])
    for point, time in enumerate(times):
        if oldest[point] > last and not unreadable[point]:  # false where nothing was read: NaN
            closes[point] = True
            last = time
    return closes


def increases(record: ProcessRecord, times: Numbers, closes: Flags) -> Numbers:
    """The increases of one process in the interval that each point closes, [points, counters].

    A process that started after the first point counts from 0. Another one that is not there at the first point counts
    from what is seen of it first. After a restart it counts from 0 again: where its start has changed, or is not known
    and any of its counters is lower than before. Requests between its last scrape and its end are lost. Where a counter
    is lower and the start is the same, one of the series that make it is gone: nothing has risen there.

    Returns:
        0 or more; 0 at points that close no interval, and at the first that does.
    """
    rises = np.zeros_like(record.values)
    known: Numbers | None = None
    started = np.nan
    for point in np.flatnonzero(~np.isnan(record.read_at)):
        now = record.values[point]
        if known is None:
            if point > 0 and record.started[point] >= times[0]:
                rises[point] = np.nan_to_num(now)
            known = np.nan_to_num(now)
        elif record.started[point] > started + _CLOCK_SECONDS or bool(np.any(now < known)):
            known = np.nan_to_num(now)
            if not abs(record.started[point] - started) <= _CLOCK_SECONDS:  # true where one of them is not known
                rises[point] = known
        else:
            now = np.where(np.isnan(now), known, now)
            rises[point] = now - known
            known = now
        if not np.isnan(record.started[point]):
            started = record.started[point]
    return summed_between(rises, closes)


def guarded_increases(values: Numbers, closes: Flags, *, from_zero: bool) -> tuple[Numbers, Flags]:
    """The increases of one series of a user's own expression, [points], and where it is of no use, [points].

    A fall is no reason to count from 0 again, because the expression may be a sum, which falls when one of its parts is
    gone. It makes the whole interval useless. So does a series that is not there at the first point and comes later,
    because it is not known since when it counts, unless it is `from_zero`.
    """
    rises = np.zeros_like(values)
    useless = np.zeros(len(values), dtype=np.bool_)
    there = np.flatnonzero(~np.isnan(values))
    if not len(there):
        return rises, useless
    steps = np.diff(values[there])
    rises[there[1:]] = np.maximum(steps, 0.0)
    useless[there[1:]] = steps < 0
    if there[0] > 0:
        rises[there[0]] = values[there[0]] if from_zero else 0.0
        useless[there[0]] = not from_zero
    return summed_between(rises, closes), summed_between(useless.astype(np.float64), closes) > 0


def summed_between(rises: Numbers, closes: Flags) -> Numbers:
    """The sums of what rose since the closing point before, at each closing point but the first; 0 at the others."""
    sums = np.zeros_like(rises)
    ends = np.flatnonzero(closes)
    if len(ends) > 1:
        sums[ends[1:]] = np.maximum(np.diff(np.cumsum(rises, axis=0)[ends], axis=0), 0.0)  # fractions are rounded
    return sums
