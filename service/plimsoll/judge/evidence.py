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

What it takes: given the past, trials of an interval are independent and those of one track alike. Where they come in
clusters (connections, slow moments of one pod) the exponent is divided by the size of the cluster: the mean of e^(1/m)
over clusters of m equal trials is that of e over single ones. `dispersion.py` measures it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.float64]
"""One number an interval, FP64 of shape [intervals]."""

HIGHER = np.array([1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0])
"""The alternatives for "more than r times", as multiples of r. Each has the same weight."""
LOWER = 1 / HIGHER
"""The alternatives for "less than r times"."""
EITHER = np.concatenate([LOWER, HIGHER])
"""The alternatives for "not the same"."""


def log_evidence(
    canary: tuple[Counts, Counts], stable: tuple[Counts, Counts], null_ratio: Counts, alternatives: Counts
) -> float:
    """The natural logarithm of the e-value of all intervals together.

    Args:
        canary: total and bad trials of the canary, an interval each.
        stable: the same of stable.
        null_ratio: r of each interval.
        alternatives: multiples of r; all above 1, all below 1, or, where r is 1, any.

    Returns:
        0.0 where nothing speaks for an alternative, or nothing was counted. An interval in which a track had no
        trials says nothing.
    """
    (canary_total, canary_bad), (stable_total, stable_bad) = canary, stable
    both = (canary_total > 0) & (stable_total > 0)
    if not both.any():
        return 0.0
    expected = null_ratio[both] * canary_total[both]
    raised = alternatives[:, None] * expected
    rest = stable_total[both]
    log_canary = np.log(alternatives)[:, None] + np.log((expected + rest) / (raised + rest))
    log_stable = np.log((expected + rest) / (raised + rest))
    of_each = (log_canary * canary_bad[both] + log_stable * stable_bad[both]).sum(axis=1)
    return log_mean_exp(of_each)


def log_mean_exp(logs: Counts) -> float:
    """The logarithm of the mean of numbers given by their logarithms: the mean of e-values is an e-value."""
    highest = float(logs.max())
    return highest + float(np.log(np.exp(logs - highest).mean()))
