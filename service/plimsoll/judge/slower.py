"""The share of answers that would be slower than an edge of the histogram if all answers took longer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from plimsoll.judge.evidence import Counts


def shares_if_slower(shares: Counts, edges: Sequence[float], slowdown: float) -> Counts:
    """The shares slower than each edge of a version that takes 1 + `slowdown` times as long.

    It exceeds t as often as this one exceeds t / (1 + slowdown). Between two edges the odds of being slower are taken
    to fall as a power of the time, and so are they below the first.

    Args:
        shares: slower than each edge, above 0 and below 1, of shape [edges, ...].
        edges: in seconds, in order.
        slowdown: 0.1 is 10 % slower.
    """
    if len(edges) == 1:
        return shares
    places = np.log(np.asarray(edges))
    wanted = places - np.log1p(slowdown)
    above = np.clip(np.searchsorted(places, wanted), 1, len(edges) - 1)
    part = (wanted - places[above - 1]) / (places[above] - places[above - 1])
    part = part.reshape(-1, *(1,) * (shares.ndim - 1))
    log_odds = np.log(shares / (1 - shares))
    mixed = log_odds[above - 1] * (1 - part) + log_odds[above] * part
    slower: Counts = 1 / (1 + np.exp(-mixed))
    return slower


def smoothed_shares(total: Counts, bad: Counts) -> Counts:
    """The shares of bad trials, never 0 or 1: as if half a trial more had been bad, and half a trial good."""
    shares: Counts = (bad + 0.5) / (total + 1)
    return shares
