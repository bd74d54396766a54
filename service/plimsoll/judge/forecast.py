"""Forecasts the requests that a step needs to find a canary that is slower or fails more often."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from plimsoll.judge.evidence import HIGHER
from plimsoll.judge.rules import Rules
from plimsoll.judge.slower import shares_if_slower

_TOO_RARE = 0.001
"""An edge that fewer answers of stable cross, or all but fewer, forecasts nothing."""
_LEFT_OUT = 4.0
"""The failures of the two neighbouring intervals that do not count, as a usual number."""
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Forecast:
    """The requests of the canary, and the seconds, that a step needs. `None` where no number can be given."""

    canary_requests: float | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Expected:
    """The traffic that a forecast is for.

    `requests_per_second` is that of both tracks together; `weight` the canary's share of it, in mode `replicas` that
    of the pods. `failed` is the share of stable's requests that fail, and `slower` the share of its answers that take
    longer than each edge, in seconds. `dispersion` has the requests that count as one at each edge, where known, and
    `failed_dispersion` those of failures.
    """

    requests_per_second: float
    weight: float
    failed: float
    slower: Mapping[float, float]
    dispersion: Mapping[float, float] | None = None
    failed_dispersion: float = 1.0


def forecast(expected: Expected, rules: Rules) -> Forecast:
    """The requests after which a canary that is as bad as `rules` say has been found with probability `rules.power`.

    As bad is `rules.effect` slower, or failing in `rules.failures` more of all requests; the larger number counts.
    In mode `replicas` give the rules of `Rules.between_pods`.
    """
    edges = sorted(edge for edge in expected.slower if 0 < edge < np.inf)
    shares = np.array([expected.slower[edge] for edge in edges])
    usable = (shares >= _TOO_RARE) & (shares <= 1 - _TOO_RARE)
    if not usable.any() or not 0 < expected.weight < 1:
        return Forecast(None, None)
    shares = np.clip(shares, _TOO_RARE, 1 - _TOO_RARE)
    null_ratio = np.maximum(1 + rules.margin, shares_if_slower(shares, edges, rules.margin) / shares)
    canary_shares = shares_if_slower(shares, edges, rules.effect)
    sizes = np.array([(expected.dispersion or {}).get(edge, 1.0) for edge in edges])
    lost = 2 * (2 + len(rules.guards)) * len(HIGHER)  # by the mean over starts, tests and alternatives
    slow = _requests((canary_shares, shares), null_ratio, expected.weight, rules, lost * len(edges)) * sizes
    failed = np.array([expected.failed])
    failed_shares, ratio = (failed + rules.failures, failed), np.array([1 + rules.margin])
    failing = _requests(failed_shares, ratio, expected.weight, rules, lost, _LEFT_OUT)
    needed = max(float(np.min(slow[usable])), float(failing[0]) * expected.failed_dispersion)
    if not needed < np.inf:
        return Forecast(None, None)
    seconds = needed / expected.requests_per_second if expected.requests_per_second > 0 else None
    return Forecast(needed * expected.weight, seconds)


def _requests(
    shares: tuple[Array, Array], null_ratio: Array, weight: float, rules: Rules, lost: int, left_out: float = 0.0
) -> Array:
    """The requests of both tracks until the evidence at each edge has most probably decided, of shape [edges].

    A request adds g to the logarithm of the evidence in the mean, with variance v. So n of them reach what has to be
    reached, L, with the probability of a quantile z of the normal distribution if n g - z sqrt(n v) = L. The
    alternative that needs the fewest counts; infinite where none grows. So many bad trials of the canary as `left_out`
    add nothing.
    """
    canary_bad, stable_bad = weight * shares[0], (1 - weight) * shares[1]
    alternatives = HIGHER[:, None]
    of_stable = np.log((null_ratio * weight + 1 - weight) / (alternatives * null_ratio * weight + 1 - weight))
    of_canary = np.log(alternatives) + of_stable
    growth = canary_bad * of_canary + stable_bad * of_stable
    spread = NormalDist().inv_cdf(rules.power) * np.sqrt(canary_bad * of_canary**2 + stable_bad * of_stable**2)
    reach = np.log(lost / rules.alpha) + left_out * of_canary
    grows = growth > 0
    growth = np.where(grows, growth, 1.0)
    requests = ((spread + np.sqrt(spread**2 + 4 * growth * reach)) / (2 * growth)) ** 2
    least: Array = np.min(np.where(grows, requests, np.inf), axis=0)
    return least
