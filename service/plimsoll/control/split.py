"""Which version a request goes to: a pure function of its key and the weights."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from itertools import accumulate
from typing import TypeVar

_STEPS = 1 << 64
T = TypeVar("T")


def point_of(model: str, key: str | None) -> float:
    """The point of a request in [0, 1): always the same for the same key, random without one.

    The model's name is part of what is hashed, so that the users who see the new version of one model are not the same
    as those of another. BLAKE2b, since it is specified (RFC 7693) and any router can compute it as well.
    """
    if key is None:
        return random.random()  # noqa: S311  # a lot, not a secret
    digest = hashlib.blake2b(f"{model}\0{key}".encode(errors="replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / _STEPS


def choose(versions: Sequence[T], weights: Sequence[float], point: float) -> T:
    """The version whose part of [0, 1) holds the point, the parts laid out in the order of `versions`.

    Growing the weight of the last version moves no key away from it: whoever saw it already goes on seeing it. A
    version of weight 0 is never chosen.

    Raises:
        ValueError: no weight is above 0.
    """
    whole = sum(weights)
    if whole <= 0:
        raise ValueError("no version has a weight above 0")
    for version, end in zip(versions, accumulate(weights), strict=True):
        if point * whole < end:
            return version
    # Rounding can put a point just under 1 beyond the last end.
    return [version for version, weight in zip(versions, weights, strict=True) if weight > 0][-1]
