"""Draws example rows for a model whose inputs are known and of which no data is at hand."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from plimsoll.errors import BundleError
from plimsoll.inference.payloads import NUMPY_DTYPES, Datatype, Tensors

ROWS = 8
_LENGTHS = (5, 12)
"""The lengths of open dimensions, one for each example."""
_SEED = 0


class InputKind(NamedTuple):
    """One input: `shape` begins with the batch and has `None` for an open dimension."""

    name: str
    datatype: Datatype
    shape: Sequence[int | None]


def needs_maximum(kind: InputKind) -> bool:
    """Whether rows cannot be drawn without the largest value: a whole number may be the index of an embedding."""
    return NUMPY_DTYPES[kind.datatype].kind in "iu" and not _is_mask(kind)


def drawn_examples(
    inputs: Sequence[InputKind], minimum: Mapping[str, float], maximum: Mapping[str, float]
) -> list[Tensors]:
    """Examples of eight rows, the same at each call; two of them, of different lengths, if a dimension is open.

    Floating-point numbers are normally distributed, or uniformly between two bounds; whole numbers are uniform from the
    minimum, or 0, to the maximum. A mask, which is an input that is named so, is all ones.

    Raises:
        BundleError: with check `golden`, when the maximum of an input of whole numbers is missing.
    """
    open_shapes = any(length is None for kind in inputs for length in kind.shape[1:])
    random = np.random.default_rng(_SEED)
    return [
        {
            kind.name: _drawn(
                kind, [each if each is not None else length for each in kind.shape[1:]], minimum, maximum, random
            )
            for kind in inputs
        }
        for length in (_LENGTHS if open_shapes else _LENGTHS[:1])
    ]


def _drawn(
    kind: InputKind,
    row: Sequence[int],
    minimum: Mapping[str, float],
    maximum: Mapping[str, float],
    random: np.random.Generator,
) -> NDArray[np.generic]:
    shape, dtype = (ROWS, *row), NUMPY_DTYPES[kind.datatype]
    low, high = minimum.get(kind.name), maximum.get(kind.name)
    if low is not None and high is not None and low > high:
        raise BundleError("golden", f"the minimum of input '{kind.name}', {low:g}, lies above its maximum, {high:g}")
    if _is_mask(kind):
        return np.ones(shape, dtype)
    if dtype.kind == "b":
        return random.random(shape) < 0.5  # noqa: PLR2004  # as often true as false
    if dtype.kind in "iu":
        if high is None:
            raise BundleError(
                "golden",
                f"rows of input '{kind.name}' cannot be drawn without its largest value, such as the size of the "
                f"vocabulary minus 1; give --maximum {kind.name}=NUMBER, or --example with real rows",
            )
        return random.integers(*_whole_bounds(kind, low or 0, high), shape, dtype, endpoint=True)
    if low is not None and high is not None:
        return random.uniform(low, high, shape).astype(dtype)
    return np.clip(random.standard_normal(shape), low, high).astype(dtype)


def _whole_bounds(kind: InputKind, low: float, high: float) -> tuple[int, int]:
    """Both bounds as whole numbers, which the datatype must be able to hold."""
    limits = np.iinfo(NUMPY_DTYPES[kind.datatype])
    first, last = math.ceil(low), math.floor(high)
    if not limits.min <= first <= last <= limits.max:
        raise BundleError(
            "golden",
            f"no {kind.datatype} of input '{kind.name}' lies from {low:g} to {high:g}, or not all do: it holds "
            f"{limits.min} to {limits.max}",
        )
    return first, last


def _is_mask(kind: InputKind) -> bool:
    return kind.name.lower().endswith("mask")
