"""The comparisons of canary and stable, as evidence after each interval.

The same functions serve one rollout and thousands of simulated ones: tables may have axes of any number before those
of pods and intervals, and `starts` are the intervals at which a weight began.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from plimsoll.judge.dispersion import dispersion
from plimsoll.judge.evidence import HIGHER, LOWER, Counts, log_evidence, log_mean_exp
from plimsoll.judge.slower import shares_if_slower, smoothed_shares
from plimsoll.judge.table import Table

_SPLIT_TOLERANCE = 0.05


def slower(table: Table, edges: Sequence[float], margin: float, starts: Sequence[int]) -> Counts:
    """The log evidence at each edge that the canary is more than `margin` slower.

    The null ratio of an interval is estimated from the answers of stable in the intervals before it; so the first
    interval is for reference only.

    Args:
        table: answered requests, and those that took longer than the edge, of shape [edges, ..., pods, intervals].
        edges: in seconds, in order.
        margin: 0.1 is 10 %.
        starts: as above.
    """
    total, bad = table.stable
    earlier_total, earlier_bad = (np.cumsum(each, axis=-1) - each for each in (total, bad))
    shares = smoothed_shares(earlier_total, earlier_bad)
    null_ratio = np.maximum(1 + margin, shares_if_slower(shares, edges, margin) / shares)
    (canary_total, canary_bad), stable = table.canary, (total, bad)
    known = np.where(earlier_total > 0, canary_total, 0.0), canary_bad
    return log_evidence(known, stable, null_ratio, HIGHER, dispersion(table), starts)


def more_often(table: Table, margin: float, starts: Sequence[int]) -> Counts:
    """The log evidence that trials of the canary are bad more than 1 + `margin` times as often."""
    return log_evidence(table.canary, table.stable, 1 + margin, HIGHER, dispersion(table), starts)


def other_share(table: Table, margin: float, starts: Sequence[int]) -> Counts:
    """The log evidence that the share of bad trials differs by more than the factor 1 + `margin`, up or down."""
    size = dispersion(table)
    both = [
        log_evidence(table.canary, table.stable, (1 + margin) ** sign, alternatives, size, starts)
        for sign, alternatives in ((1, HIGHER), (-1, LOWER))
    ]
    return log_mean_exp(np.array(both))


def off_split(canary: Counts, stable: Counts, weight: Counts) -> Counts:
    """The log evidence that the requests are not split by the weight.

    Given their number, a request is one of the canary with the probability `weight`; so the weights take the place of
    the numbers of trials in the formula. The odds may be wrong by 5 %, and in the k-th interval by the k-th part more,
    because the counters of two pods are not read in the same moment.

    Args:
        canary: requests, of shape [..., intervals], at one weight.
        stable: the same of stable.
        weight: the set share of the canary, of shape [intervals], above 0 and below 1.
    """
    tolerance = _SPLIT_TOLERANCE + 1 / np.arange(1, canary.shape[-1] + 1)
    both = [
        log_evidence((weight, canary), (1 - weight, stable), (1 + tolerance) ** sign, alternatives)
        for sign, alternatives in ((1, HIGHER), (-1, LOWER))
    ]
    return log_mean_exp(np.array(both))
