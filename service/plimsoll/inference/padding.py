"""Fills rows of different lengths up to a few lengths, so that they can share batches."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.inference.batch_limits import UNBOUNDED, elements_of_row
from plimsoll.inference.payloads import Tensors, TensorSpec
from plimsoll.inference.ports import Shapes


@dataclass(frozen=True, slots=True)
class Padding:
    """The way in which rows of one signature are padded.

    `inputs` are those of the signature. Each input of open length has one open dimension, and all of them have the same
    length in one row. `lengths` ascend; a row is filled up to the next of them. `values` has the number that follows
    the end of each input of open length. The `mask` is the input, of shape [-1, -1], with 1 in each place of the row
    and 0 in each place of padding; it is made for a row that comes without one. A batch has at most `batch_places`
    places, padding included, unless a single row has more.
    """

    inputs: tuple[TensorSpec, ...]
    lengths: tuple[int, ...]
    values: Mapping[str, float] = field(hash=False)
    mask: str | None = None
    batch_places: int | None = None

    @property
    def most_elements(self) -> int:
        """The elements of a batch of `batch_places` places."""
        if self.batch_places is None:
            return UNBOUNDED
        return self.batch_places * elements_of_row(self.shapes(self.longest)) // self.longest

    @property
    def longest(self) -> int:
        """The most places of a row."""
        return self.lengths[-1]

    def bucket(self, length: int) -> int:
        """The length up to which a row of this length is filled; the row is not longer than the longest."""
        return self.lengths[bisect_left(self.lengths, length)]

    def shapes(self, length: int) -> Shapes:
        """The dimensions of one row of each input, at this length."""
        return tuple(tuple(length if size < 0 else size for size in spec.shape[1:]) for spec in self.inputs)

    def length_of(self, row: Tensors) -> dict[str, int]:
        """The length of each input of open length that is there, by name."""
        return {
            spec.name: row[spec.name].shape[_axis(spec)]
            for spec in self.inputs
            if spec.open_dimensions and spec.name in row
        }

    def write(self, inputs: Mapping[str, NDArray[Any]], rows: slice, given: Tensors, length: int) -> None:
        """Write rows of one length, [rows, ...] by name, into those rows of the inputs of a batch."""
        for spec in self.inputs:
            part = inputs[spec.name][rows]
            if not spec.open_dimensions:
                part[:] = given[spec.name]
                continue
            before = (slice(None),) * _axis(spec)
            part[(*before, slice(length))] = given.get(spec.name, 1)  # only a mask may be missing
            part[(*before, slice(length, None))] = self.values.get(spec.name, 0)

    def padded(self, given: Tensors, length: int) -> dict[str, NDArray[Any]]:
        """Rows of one length, [rows, ...] by name, filled up to another one."""
        own = next(iter(self.length_of(given).values()))
        rows = len(next(iter(given.values())))
        made = {
            spec.name: np.empty((rows, *shape), spec.dtype)
            for spec, shape in zip(self.inputs, self.shapes(length), strict=True)
        }
        self.write(made, slice(None), given, own)
        return made

    def repeated(self, given: Tensors, length: int) -> dict[str, NDArray[Any]]:
        """Rows whose places are repeated, or left out, until they have another length without any padding."""
        made = {}
        for spec in self.inputs:
            tensor = given[spec.name]
            if spec.open_dimensions:
                tensor = np.take(tensor, np.arange(length) % tensor.shape[_axis(spec)], axis=_axis(spec))
            made[spec.name] = np.ones_like(tensor) if spec.name == self.mask else tensor
        return made


def own_places(spec: TensorSpec, tensor: NDArray[Any], length: int) -> NDArray[Any]:
    """The places of rows, [rows, ...], without padding: the first ones of each open dimension."""
    if not spec.open_dimensions:
        return tensor
    index = (slice(length) if size < 0 else slice(None) for size in spec.shape[1:])
    return np.ascontiguousarray(tensor[(slice(None), *index)])


def _axis(spec: TensorSpec) -> int:
    return spec.shape.index(-1, 1)
