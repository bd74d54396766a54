"""Checks the bounds of a tensor's numbers, for golden samples and for every task."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.inference.payloads import LARGEST_BF16, TensorSpec


class TensorBounds:
    """The least and the greatest number of one tensor, inclusive, in the tensor's own precision.

    0.1 in FP32 is above 0.1 and still within a maximum of 0.1. Whole numbers are compared as whole numbers of 64 bits,
    because floating-point numbers beyond 2**53 leave some out. A bound beyond the range of the datatype has no effect.
    A number that is not finite is always out of bounds. BF16 has the precision of FP32 here, before it is rounded.
    """

    def __init__(self, spec: TensorSpec) -> None:
        least, greatest = (-LARGEST_BF16, LARGEST_BF16) if spec.datatype == "BF16" else _range(spec.dtype)
        self.low: Any = least if spec.minimum is None else max(_as(spec, spec.minimum, math.ceil), least)
        self.high: Any = greatest if spec.maximum is None else min(_as(spec, spec.maximum, math.floor), greatest)

    def hold(self, tensor: NDArray[Any]) -> bool:
        """Whether every element is within the bounds; true for an empty tensor."""
        return bool((tensor >= self.low).all() and (tensor <= self.high).all())

    def first_outside(self, tensor: NDArray[Any]) -> tuple[int, ...] | None:
        """The position of the first element that is out of bounds; `None` if all are within."""
        if self.hold(tensor):
            return None
        with np.errstate(invalid="ignore"):
            return tuple(int(part) for part in np.argwhere(~((tensor >= self.low) & (tensor <= self.high)))[0])


def _range(dtype: np.dtype[Any]) -> tuple[Any, Any]:
    if dtype.kind == "b":
        return False, True
    limits = np.iinfo(dtype) if dtype.kind in "iu" else np.finfo(dtype)
    return (int(limits.min), int(limits.max)) if dtype.kind in "iu" else (float(limits.min), float(limits.max))


def _as(spec: TensorSpec, bound: float, whole: Callable[[float], int]) -> Any:  # noqa: ANN401  # of the tensor's kind
    """A bound in the tensor's own precision; that of whole numbers is the next one within, by `whole`."""
    if spec.dtype.kind in "iu" and math.isfinite(bound):
        return whole(bound)
    with np.errstate(over="ignore"):
        return float(spec.dtype.type(bound)) if spec.dtype.kind == "f" else bound
