"""The share of answers that would be slower than an edge of the histogram if all answers took longer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from plimsoll.judge.evidence import Counts

_STEEP = np.log(100)


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


def largest_shares(shares: Counts, edges: Sequence[float], slowdown: float) -> tuple[Counts, NDArray[np.bool_]]:
    """The largest shares slower than each edge of a version that takes at most 1 + `slowdown` times as long.

    They need no shape between two edges, but that times have one peak. All answers since the last edge at or below
    t / (1 + slowdown) may then lie just below t; beyond the bucket with the peak not more of them than if they were
    spread evenly by the logarithm of the time.

    Returns:
        The shares, and for which edges `shares_if_slower` is no good estimate, because the odds fall more than a
        hundredfold since the edge before: almost all answers lie close together, nobody knows where. Both of the shape
        of `shares`.
    """
    if len(edges) == 1:
        return np.ones_like(shares), np.zeros(shares.shape, dtype=bool)
    places = np.log(np.asarray(edges))
    below = np.searchsorted(places, places - np.log1p(slowdown) + 1e-9, side="right") - 1
    beyond = np.concatenate([np.ones_like(shares[:1]), shares])
    before = beyond[below + 1]
    column = (-1, *(1,) * (shares.ndim - 1))
    widths = np.diff(places, prepend=2 * places[0] - places[1])
    peak = np.argmax((beyond[:-1] - beyond[1:]) / widths.reshape(column), axis=0)
    since = np.where(below < 0, widths, places - places[np.maximum(below, 0)])
    even = np.log1p(slowdown) / np.maximum(since, np.log1p(slowdown) + 1e-9)
    part = np.where(np.arange(len(edges)).reshape(column) > peak, even.reshape(column), 1.0)
    odds = np.log(shares / (1 - shares))
    fall = np.concatenate([odds[:1] - odds[1:2], odds[below[1:].clip(0)] - odds[1:]])
    largest: Counts = shares + (before - shares) * part
    return largest, fall > _STEEP
