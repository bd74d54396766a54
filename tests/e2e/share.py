"""How many of some requests a version gets by chance."""

from __future__ import annotations

import math

ALPHA = 1e-6


def counts_by_chance(requests: int, share: float) -> range:
    """The numbers of successes that `requests` draws with probability `share` stay within, but for `ALPHA` of all runs.

    Exact, by the two tails of the binomial distribution, each at half of `ALPHA`.
    """
    chances = [_chance(successes, requests, share) for successes in range(requests + 1)]
    return range(_beyond_tail(chances), requests + 1 - _beyond_tail(chances[::-1]))


def _chance(successes: int, requests: int, share: float) -> float:
    ways = math.lgamma(requests + 1) - math.lgamma(successes + 1) - math.lgamma(requests - successes + 1)
    return math.exp(ways + successes * math.log(share) + (requests - successes) * math.log1p(-share))


def _beyond_tail(chances: list[float]) -> int:
    tail = 0.0
    for index, chance in enumerate(chances):
        tail += chance
        if tail > ALPHA / 2:
            return index
    raise ValueError("the chances do not add up to 1")
