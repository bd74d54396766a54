"""Measures how far requests come in clusters: connections that stay with a pod, slow moments of a pod.

Two comparisons see that and do not see a canary that is worse. The pods of one track are compared in the same time:
with N_i trials of pod i, K_i of them bad, and the share p of its track, sum (K_i - N_i p)^2 / N_i is p (1-p) times
(pods - 1) in the mean if trials are independent, and d times that if they come in clusters of d. And the difference
between canary and stable is compared with what it was just before: if trials are independent, the mean of the square
of its change is the sum of p (1-p) / N over both tracks and both times. The ratio of the sums over all of it is
Pearson's chi^2 by its degrees of freedom, with weights that keep it quiet where bad trials are few.

Clusters last. So it is measured over blocks of 1, 2, 4, ... intervals, and the largest result holds. A few degrees of
freedom measure little; as if `_PRIOR` more had been measured and shown no clusters.
"""

from __future__ import annotations

import numpy as np

from plimsoll.judge.evidence import Counts
from plimsoll.judge.table import Table

_PRIOR = 3.0


def dispersion(table: Table) -> Counts:
    """The number of trials that count as one, as known after each interval: 1 or more, of shape [..., intervals]."""
    intervals = table.total.shape[-1]
    highest = np.ones((*table.total.shape[:-2], intervals))
    length = 1
    while length <= intervals:
        ratio = _ratio(_merged(table, length))
        known = np.repeat(ratio, length, axis=-1)  # from the end of its block to the end of the next
        shown = highest[..., length - 1 :]
        np.maximum(shown, known[..., : shown.shape[-1]], out=shown)
        length *= 2
    return highest


def _merged(table: Table, length: int) -> Table:
    blocks = table.total.shape[-1] // length
    shape = (*table.total.shape[:-1], blocks, length)
    total, bad = (each[..., : blocks * length].reshape(shape).sum(axis=-1) for each in (table.total, table.bad))
    return Table(total, bad, table.of_canary)


def _ratio(table: Table) -> Counts:
    """The dispersion as known after each block, [..., blocks]."""
    squares, variances, degrees = np.zeros((3, *table.total.shape[:-2], table.total.shape[-1]))
    for of_track in (table.of_canary, ~table.of_canary):
        total, bad = table.total[..., of_track, :], table.bad[..., of_track, :]
        share = _divided(bad.sum(axis=-2), total.sum(axis=-2))
        others = np.maximum((total > 0).sum(axis=-2) - 1, 0)
        squares += _divided((bad - total * share[..., None, :]) ** 2, total).sum(axis=-2)
        variances += share * (1 - share) * others
        degrees += np.minimum(others, bad.sum(axis=-2))
    _add_changes(table, squares, variances, degrees)
    squares, variances, degrees = (np.cumsum(each, axis=-1) for each in (squares, variances, degrees))
    ratio = np.where(variances > 0, _divided(squares, variances), 1.0)
    measured: Counts = (ratio * degrees + _PRIOR) / (degrees + _PRIOR)
    return measured


def _add_changes(table: Table, squares: Counts, variances: Counts, degrees: Counts) -> None:
    """Add the changes of the difference between the tracks, from each even block to the odd one after it."""
    pairs = table.total.shape[-1] // 2
    before, after = slice(0, 2 * pairs, 2), slice(1, 2 * pairs, 2)
    shape = squares[..., after].shape
    change, variance, inverse, all_bad, known = *np.zeros((4, *shape)), np.ones(shape, dtype=bool)
    for sign, (total, bad) in ((1, table.canary), (-1, table.stable)):
        (total_0, bad_0), (total_1, bad_1) = ((total[..., half], bad[..., half]) for half in (before, after))
        share = _divided(bad_0 + bad_1, total_0 + total_1)
        change += sign * (_divided(bad_1, total_1) - _divided(bad_0, total_0))
        of_track = _divided(total_0 + total_1, total_0 * total_1)  # 1 / total_0 + 1 / total_1
        variance += share * (1 - share) * of_track
        inverse += of_track
        all_bad += bad_0 + bad_1
        known &= (total_0 > 0) & (total_1 > 0)
    squares[..., after] += np.where(known, _divided(change**2, inverse), 0.0)
    variances[..., after] += np.where(known, _divided(variance, inverse), 0.0)
    degrees[..., after] += np.where(known, np.minimum(all_bad, 1.0), 0.0)


def _divided(above: Counts, below: Counts) -> Counts:
    """The quotient, and 0 for a division by 0."""
    quotient: Counts = np.divide(
        above, below, out=np.zeros(np.broadcast_shapes(above.shape, below.shape)), where=below > 0
    )
    return quotient
