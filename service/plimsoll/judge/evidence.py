"""The one formula of the judge: evidence that bad trials are more frequent on one track than on the other.

For each interval let N_c and N_b be the trials of canary and stable (b for baseline), and K_c and K_b the bad ones. The
null hypothesis is that a trial of the canary is bad with at most r times the probability p of stable, where p may be
another one in each interval. For a ratio R > r put

    q = r N_c / (r N_c + N_b),   s = R N_c / (R N_c + N_b),   e = (s/q)^K_c ((1-s)/(1-q))^K_b.

Given N_c and N_b, E[e] <= 1 under the null hypothesis: with a = s/q and b = (1-s)/(1-q)

    E[e] = (1 + r p (a-1))^N_c (1 + p (b-1))^N_b <= exp(p (r N_c (a-1) + N_b (b-1))) = 1,

by 1 + x <= exp(x), and since r N_c = q C and N_b = (1-q) C with C = r N_c + N_b make the exponent p C (s-q + q-s) = 0.
A smaller ratio of the canary makes it smaller, as a > 1. So the product over intervals is a supermartingale, and so is
its mean over any fixed ratios R. By Ville's inequality it ever reaches 1/alpha with probability alpha at most, however
often one looks. With R < r the same formula gives evidence against "at least r times".

It assumes that, given the past, trials of an interval are independent and those of one track alike. Where they come in
clusters (connections, slow moments of one pod) the exponent is divided by the size of the cluster: the mean of e^(1/m)
over clusters of m equal trials is that of e over single ones. `dispersion.py` measures it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.float64]
"""One number an interval, FP64 of shape [..., intervals]."""

HIGHER = np.array([1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0])
"""The alternatives for "more than r times", as multiples of r. Each has the same weight."""
LOWER = 1 / HIGHER
"""The alternatives for "less than r times"."""


def log_evidence(
    canary: tuple[Counts, Counts],
    stable: tuple[Counts, Counts],
    null_ratio: Counts | float,
    alternatives: Counts,
    dispersion: Counts | float = 1.0,
    starts: Sequence[int] = (0,),
) -> Counts:
    """The natural logarithm of the e-value after each interval, of all intervals up to it.

    A canary may be worse only from some weight on. So it is the mean of e-values that begin to count at each of
    `starts`, and are 1 before: the first has the weight 1/2, the next 1/4, and so on. The rest stays 1.

    Args:
        canary: total and bad trials of the canary, FP64 of shape [..., intervals].
        stable: the same of stable.
        null_ratio: r of each interval; it may depend on earlier intervals only.
        alternatives: multiples of r; all above 1, all below 1, or, where r is 1, any.
        dispersion: the trials that count as one, as far as is known after each interval; 1 or more.
        starts: the intervals at which a weight began, from 0, in order.

    Returns:
        FP64 of shape [..., intervals]. An interval in which a track had no trials says nothing.
    """
    return _log_evidence((canary, stable), null_ratio, alternatives, dispersion, starts, _nothing)


def log_evidence_of_several_moments(
    canary: tuple[Counts, Counts],
    stable: tuple[Counts, Counts],
    null_ratio: Counts | float,
    alternatives: Counts,
    dispersion: Counts | float = 1.0,
    starts: Sequence[int] = (0,),
) -> Counts:
    """The same without the two neighbouring intervals that add most, for each alternative and start.

    They are left out only if they add something, so the e-value is never larger than that of all intervals.
    """
    return _log_evidence((canary, stable), null_ratio, alternatives, dispersion, starts, _loudest)


def _log_evidence(
    tracks: tuple[tuple[Counts, Counts], tuple[Counts, Counts]],
    null_ratio: Counts | float,
    alternatives: Counts,
    dispersion: Counts | float,
    starts: Sequence[int],
    left_out: Callable[[Counts, int], Counts | float],
) -> Counts:
    (canary_total, canary_bad), (stable_total, stable_bad) = tracks
    both = (canary_total > 0) & (stable_total > 0)
    expected = np.where(both, null_ratio * canary_total, 1.0)
    rest = np.where(both, stable_total, 1.0)
    bad, canary_bad = np.where(both, canary_bad + stable_bad, 0.0), np.where(both, canary_bad, 0.0)
    logs = np.full(np.broadcast_shapes(bad.shape, np.shape(dispersion)), -len(starts) * np.log(2))
    for alternative in alternatives:
        growth = np.log(alternative) * canary_bad
        growth += np.log((expected + rest) / (alternative * expected + rest)) * bad
        path = np.cumsum(growth, axis=-1)
        for place, start in enumerate(starts):
            since = path - path[..., start - 1 : start] if start else path
            since = since - left_out(growth, start)
            since = np.where(np.arange(path.shape[-1]) < start, 0.0, since / dispersion)
            logs = np.logaddexp(logs, since - (place + 1) * np.log(2) - np.log(len(alternatives)))
    return logs


def _nothing(_growth: Counts, _start: int) -> float:
    return 0.0


def _loudest(growth: Counts, start: int) -> Counts:
    """The most that two neighbouring intervals from `start` on have added so far; 0 or more, [..., intervals]."""
    pairs = growth.copy()
    pairs[..., 1:] += np.maximum(growth[..., :-1], 0.0)
    pairs[..., start : start + 1] = growth[..., start : start + 1]
    pairs[..., :start] = 0.0
    loudest: Counts = np.maximum(np.maximum.accumulate(pairs, axis=-1), 0.0)
    return loudest


def log_mean_exp(logs: Counts) -> Counts:
    """The logarithm of the mean of numbers given by their logarithms, over the first axis.

    The mean of e-values is an e-value.
    """
    mean: Counts = np.logaddexp.reduce(logs, axis=0) - np.log(len(logs))
    return mean
