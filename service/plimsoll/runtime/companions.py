"""Rows that golden rows share a batch with, made to disturb them where the rows of a batch are not independent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.inference.payloads import Signature, Tensors, TensorSpec

_FAR = 1000


@dataclass(frozen=True, slots=True)
class Row:
    """One row of every input, shape [1, ...]; `title` is what messages call it."""

    title: str
    tensors: Tensors


def golden_rows(inputs: Tensors, most: int) -> list[Row]:
    """Golden rows, at most so many, spread evenly over all of them."""
    count = len(next(iter(inputs.values())))
    chosen = sorted({round(at) for at in np.linspace(0, count - 1, min(count, most))})
    return [
        Row(f"golden row {index}", {name: tensor[index : index + 1] for name, tensor in inputs.items()})
        for index in chosen
    ]


def companion_rows(signature: Signature, golden: Tensors) -> list[Row]:
    """A row at each bound of the signature, and one of 1000 times the golden range where a bound is missing.

    An input without bounds has its first golden row at the bounds. Only floating-point inputs get the large numbers,
    which stay within what their datatype and the one bound allow. None of these rows is made where it would be a
    golden one.
    """
    makers: dict[str, Callable[[TensorSpec, NDArray[Any]], NDArray[Any] | None]] = {
        "a row at the minimum": lambda spec, tensor: _filled(tensor, spec.minimum),
        "a row at the maximum": lambda spec, tensor: _filled(tensor, spec.maximum),
        f"a row of {_FAR} times the golden range": _far,
    }
    rows = []
    for title, make in makers.items():
        made = {spec.name: make(spec, golden[spec.name]) for spec in signature.inputs}
        if any(tensor is not None for tensor in made.values()):
            rows.append(
                Row(title, {name: golden[name][:1] if tensor is None else tensor for name, tensor in made.items()})
            )
    return rows


def _filled(golden: NDArray[Any], bound: float | None) -> NDArray[Any] | None:
    return None if bound is None else np.full_like(golden[:1], golden.dtype.type(bound))


def _far(spec: TensorSpec, golden: NDArray[Any]) -> NDArray[Any] | None:
    """The golden row of the largest numbers, 1000 times as large; ones where all golden rows are zero."""
    bounded = spec.minimum is not None and spec.maximum is not None
    if bounded or not np.issubdtype(golden.dtype, np.floating):
        return None
    sizes = np.abs(golden.astype(np.float64)).reshape(len(golden), -1).max(axis=1, initial=0)
    largest = int(sizes.argmax())
    with np.errstate(over="ignore"):  # what becomes infinite is clipped below
        far = golden[largest : largest + 1].astype(np.float64) * _FAR
    row = far if sizes[largest] else np.full(golden[:1].shape, _FAR)
    limits = np.finfo(golden.dtype)
    low = limits.min if spec.minimum is None else spec.minimum
    high = limits.max if spec.maximum is None else spec.maximum
    return np.clip(row, low, high).astype(golden.dtype)
