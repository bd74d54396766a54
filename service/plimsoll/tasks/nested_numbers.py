"""Nested lists of numbers, as JSON has them, and the tensors they stand for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.errors import InvalidInput
from plimsoll.inference.payloads import TensorSpec
from plimsoll.inference.ports import Json
from plimsoll.inference.tensor_bounds import TensorBounds

_WORDS = {"b": "true or false", "i": "whole numbers", "u": "whole numbers from 0 on", "f": "numbers"}


class NestedNumbers:
    """Reads the rows of one input out of nested lists, each number of the kind that its datatype has."""

    def __init__(self, spec: TensorSpec) -> None:
        self.spec = spec
        self._shape = spec.shape[1:]
        self._kind = spec.dtype.kind
        self._bounds = TensorBounds(spec)

    def read(self, rows: Sequence[object], *, single: bool, first: int = 0) -> NDArray[Any]:
        """A tensor of shape [rows, ...]; open dimensions have the length of the first row, which errors call `first`.

        Raises:
            InvalidInput: lists of other lengths, something else than numbers, or a number out of bounds; `index` names
                the row.
        """
        shape = self._shape_of(rows[0], None if single else first)
        flat: list[Any] = []
        for index, row in enumerate(rows):
            where = None if single else first + index
            self._flatten(row, shape, flat, where)
        tensor = np.empty((len(rows), *shape), self.spec.dtype)
        with np.errstate(over="ignore"):
            by_row = tensor.reshape(len(rows), -1)
            width = by_row.shape[1]
            for index in range(len(rows)):
                try:
                    by_row[index] = flat[index * width : (index + 1) * width]
                except (OverflowError, ValueError):
                    where = None if single else first + index
                    raise self._fault("holds a number beyond its range", self._expected(shape), where) from None
        self.check(tensor, single=single, first=first)
        return tensor

    def check(self, tensor: NDArray[Any], *, single: bool, first: int = 0) -> None:
        """Check the numbers of a tensor of shape [rows, ...].

        Raises:
            InvalidInput: a number is out of bounds; `index` names the row.
        """
        if (outside := self._bounds.first_outside(tensor)) is not None:
            raise self._out_of_bounds(outside[1:], tensor[outside], None if single else first + outside[0])

    def _out_of_bounds(self, position: tuple[int, ...], value: object, index: int | None) -> InvalidInput:
        spec = self.spec
        low, high = ("any" if bound is None else f"{bound:g}" for bound in (spec.minimum, spec.maximum))
        return InvalidInput(
            f"the number at position {list(position)} of '{spec.name}' is out of bounds",
            expected=f"finite {spec.datatype} numbers from {low} to {high}",
            given=f"{value}",
            index=index,
        )

    def schema(self, longest: int | None = None) -> Json:
        """The JSON schema of one row; `longest` is the most of an open dimension, if there is a limit."""
        spec = self.spec
        schema: Json = {"type": {"b": "boolean", "f": "number"}.get(self._kind, "integer")}
        schema |= {
            name: bound for name, bound in (("minimum", spec.minimum), ("maximum", spec.maximum)) if bound is not None
        }
        for length in reversed(self._shape):
            schema = {"type": "array", "items": schema}
            if length >= 0:
                schema |= {"minItems": length, "maxItems": length}
            elif longest is not None:
                schema |= {"minItems": 1, "maxItems": longest}
        return {**schema, "description": f"{spec.name}: {spec.datatype} {list(spec.shape)}"}

    def _shape_of(self, row: object, index: int | None) -> tuple[int, ...]:
        """The shape of the first row, as far as the signature leaves it open; what does not fit is found later."""
        shape = []
        for wanted in self._shape:
            length = len(row) if isinstance(row, list) else 0
            shape.append(length if wanted < 0 else wanted)
            row = row[0] if isinstance(row, list) and row else None
        if 0 in shape:
            raise self._fault("has an empty list", self._expected(self._shape), index)
        return tuple(shape)

    def _flatten(self, value: object, shape: tuple[int, ...], into: list[Any], index: int | None) -> None:
        if not shape:
            if not self._fits(value):
                raise self._fault("holds something else than its datatype", self._expected(self._shape), index)
            into.append(value)
            return
        if not isinstance(value, list) or len(value) != shape[0]:
            given = f"a list of {len(value)}" if isinstance(value, list) else "no list"
            raise self._fault("has the wrong shape", self._expected(shape, whole=False), index, given)
        if len(shape) == 1 and all(map(self._fits, value)):
            into.extend(value)
            return
        for inner in value:
            self._flatten(inner, shape[1:], into, index)

    def _fits(self, value: object) -> bool:
        if self._kind == "b":
            return isinstance(value, bool)
        if isinstance(value, bool):
            return False
        return isinstance(value, int) if self._kind in "iu" else isinstance(value, int | float)

    def _expected(self, shape: tuple[int, ...], *, whole: bool = True) -> str:
        lengths = [length if length >= 0 else "any length" for length in shape]
        words = _WORDS[self._kind]
        if not shape:
            return f"one value, {words}"
        return f"{words} in lists of lengths {lengths}" if whole else f"a list of {lengths[0]}"

    def _fault(self, what: str, expected: str, index: int | None, given: str | None = None) -> InvalidInput:
        return InvalidInput(f"the input '{self.spec.name}' {what}", expected=expected, given=given, index=index)
