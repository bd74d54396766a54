"""Compares two answers to the same row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.bundle.manifest import Golden

_ROUNDINGS = 16
"""Batches of other sizes add up in another order: measured were up to 3.5 roundings of the largest number of a row."""
_LARGEST_SHARE = 0.25


def difference(
    given: NDArray[Any], expected: NDArray[Any], tolerance: Golden, coarsest_rounding: float = 0.0
) -> float | None:
    """The largest difference of two answers of one shape; `None` where all differences are allowed.

    Allowed are the golden tolerance, and 16 roundings relative to the largest number of the row. A rounding is that of
    the answer's datatype, or the coarsest of the model if that is larger. The roundings allow at most a quarter of the
    largest number: 16 roundings of a datatype of eight or four bits would be two to eight times that number, and then
    the comparison could not fail. bfloat16 and whole numbers of eight bits need an eighth.
    """
    exact = expected.astype(np.float64)
    off = np.abs(given.astype(np.float64) - exact)
    allowed = tolerance.absolute_tolerance + tolerance.relative_tolerance * np.abs(exact)
    if (off <= allowed).all():
        return None
    rounding = max(_rounding_of(expected.dtype), coarsest_rounding)
    share = min(_ROUNDINGS * rounding, _LARGEST_SHARE)
    if (off <= np.maximum(allowed, share * np.abs(exact).max())).all():
        return None
    return float(np.where(np.isnan(off), np.inf, off).max())


def words_for(tolerance: Golden) -> str:
    """The tolerance in words."""
    return f"{tolerance.absolute_tolerance:g} + {tolerance.relative_tolerance:g} x |expected|"


def _rounding_of(datatype: np.dtype[Any]) -> float:
    return float(np.finfo(datatype).eps) if np.issubdtype(datatype, np.floating) else 0.0
