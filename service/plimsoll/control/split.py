"""Splits requests between versions, by a pure function of the request's key and the weights."""

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

    The hash includes the model's name, so that the new versions of two models go to different users. The hash is
    BLAKE2b, because it is specified (RFC 7693) and any router can compute it too.
    """
    if key is None:
        return random.random()  # noqa: S311  # a random choice, not a secret
    digest = hashlib.blake2b(f"{model}\0{key}".encode(errors="replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / _STEPS


def choose(versions: Sequence[T], weights: Sequence[float], point: float) -> T:
    """The version whose part of [0, 1) contains the point; the parts are in the order of `versions`.

    A higher weight of the last version moves no key away from it: its users keep getting it. A version of weight 0 is
    never chosen.

    Raises:
        ValueError: no weight is above 0.
    """
    whole = sum(weights)
    if whole <= 0:
        raise ValueError("no version has a weight above 0")
    for version, end in zip(versions, accumulate(weights), strict=True):
        if point * whole < end:
            return version
    # Because of rounding, a point just below 1 can lie beyond the last end.
    return [version for version, weight in zip(versions, weights, strict=True) if weight > 0][-1]
