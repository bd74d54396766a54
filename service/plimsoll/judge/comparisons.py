"""The comparisons of canary and stable, as evidence after each interval.

The same functions serve one rollout and thousands of simulated ones: tables may have axes of any number before those
of pods and intervals, and `starts` are the intervals at which a weight began.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from plimsoll.judge.dispersion import dispersion
from plimsoll.judge.evidence import HIGHER, LOWER, Counts, log_evidence, log_evidence_of_several_moments, log_mean_exp
from plimsoll.judge.slower import largest_shares, shares_if_slower, smoothed_shares
from plimsoll.judge.table import Table

Formula = Callable[..., Counts]
"""A function like `log_evidence`."""
_SPLIT_TOLERANCE = 0.05
_LATER = 4
_ANY = 1e9
"""A ratio that no counts reach."""


def slower(table: Table, edges: Sequence[float], margin: float, starts: Sequence[int]) -> Counts:
    """The log evidence at each edge that the canary is more than `margin` slower.

    The null ratio of an interval is estimated from the answers of stable in the intervals before it; so the first
    interval is for reference only. Where the histogram is too coarse to estimate it, it is the largest possible one.

    Args:
        table: answered requests, and those that took longer than the edge, of shape [edges, ..., pods, intervals].
        edges: in seconds, in order.
        margin: 0.1 is 10 %.
        starts: as above.
    """
    (canary_total, canary_bad), known, shares = _before(table)
    largest, steep = largest_shares(shares, edges, margin)
    estimated = shares_if_slower(shares, edges, margin)
    null_ratio = np.maximum(1 + margin, np.where(steep, np.maximum(estimated, largest), estimated) / shares)
    canary = np.where(known, canary_total, 0.0), canary_bad
    return log_evidence(canary, table.stable, null_ratio, HIGHER, dispersion(table), starts)


def perhaps_slower(table: Table, edges: Sequence[float], margin: float, starts: Sequence[int]) -> Counts | None:
    """The same by the estimate, only where the histogram is too coarse for it; `None` if it never is."""
    (canary_total, canary_bad), known, shares = _before(table)
    _, steep = largest_shares(shares, edges, margin)
    canary_total = np.where(known & steep, canary_total, 0.0)
    if not canary_total.any():
        return None
    null_ratio = np.maximum(1 + margin, shares_if_slower(shares, edges, margin) / shares)
    return log_evidence((canary_total, canary_bad), table.stable, null_ratio, HIGHER, dispersion(table), starts)


def _before(table: Table) -> tuple[tuple[Counts, Counts], NDArray[np.bool_], Counts]:
    """The canary, whether stable had answers before each interval, and the shares of them that were slower."""
    total, bad = (np.cumsum(each, axis=-1) - each for each in table.stable)
    return table.canary, total > 0, smoothed_shares(total, bad)


def more_often(table: Table, margin: float, starts: Sequence[int]) -> Counts:
    """The log evidence that trials of the canary are bad more than 1 + `margin` times as often.

    The two neighbouring intervals that speak most do not count: a pod that fails for a second is no bad version. The
    clusters are those known four intervals before: a canary that begins to fail for good looks like one large cluster.
    """
    size = _a_minute_before(dispersion(table))
    return log_evidence_of_several_moments(table.canary, table.stable, 1 + margin, HIGHER, size, starts)


def worse_outcomes(table: Table, margin: float, starts: Sequence[int]) -> Counts:
    """The log evidence that trials are bad more than 1 + `margin` times as often, or good less often by this factor.

    The mean of both: of trials that are hardly ever good, such as visits that end in an order, none can be bad much
    more often, and of those that are nearly always good none can be good much less often.
    """
    size = _a_minute_before(dispersion(table))
    canary, stable = ((total, np.maximum(total - bad, 0.0)) for total, bad in (table.canary, table.stable))
    more_bad = log_evidence_of_several_moments(table.canary, table.stable, 1 + margin, HIGHER, size, starts)
    less_good = log_evidence_of_several_moments(canary, stable, 1 / (1 + margin), LOWER, size, starts)
    return log_mean_exp(np.array([more_bad, less_good]))


def _a_minute_before(size: Counts) -> Counts:
    """The dispersion as known `_LATER` intervals before, and 1 for the first ones."""
    known = np.ones_like(size)
    known[..., _LATER:] = size[..., :-_LATER]
    return known


def other_share(table: Table, margin: float, starts: Sequence[int], formula: Formula = log_evidence) -> Counts:
    """The log evidence that the share of bad trials differs by more than the factor 1 + `margin`, up or down.

    `formula` may be `log_evidence_of_several_moments`.
    """
    size = dispersion(table)
    both = [
        formula(table.canary, table.stable, (1 + margin) ** sign, alternatives, size, starts)
        for sign, alternatives in ((1, HIGHER), (-1, LOWER))
    ]
    return log_mean_exp(np.array(both))


def off_split(canary: Counts, stable: Counts, weight: float) -> Counts:
    """The log evidence that the requests since the weight was set are not split by it, after each interval.

    Given their number, a request is one of the canary with the probability `weight`; so the weights take the place of
    the numbers of trials in the formula. The odds may be wrong by 5 %, and by what two lost scrapes and scrapes at
    different times make of them: three intervals of those that are left. So the first two say nothing.

    Args:
        canary: requests, of shape [..., intervals].
        stable: the same of stable.
        weight: the set share of the canary, above 0 and below 1.
    """
    left = np.arange(canary.shape[-1])[:, None] - 1
    tolerance = 1 + _SPLIT_TOLERANCE + np.divide(3, left, out=np.full(left.shape, _ANY), where=left > 0)
    canary, stable = (np.cumsum(each, axis=-1)[..., None] for each in (canary, stable))
    set_canary, set_stable = np.full_like(canary, weight), np.full_like(stable, 1 - weight)
    both = [
        log_evidence((set_canary, canary), (set_stable, stable), tolerance**sign, alternatives)[..., 0]
        for sign, alternatives in ((1, HIGHER), (-1, LOWER))
    ]
    return log_mean_exp(np.array(both))
