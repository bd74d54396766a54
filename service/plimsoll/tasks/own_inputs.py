"""Turns what a task of one's own reads from a row into an input of the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.errors import InvalidInput, ModelFailed
from plimsoll.inference.payloads import TensorSpec
from plimsoll.inference.tensor_bounds import TensorBounds

_LONGEST_NUMBER = 64
_MOST_BITS = 128


class OwnInput:
    """Checks one input of one row as a task returns it, and stacks the rows."""

    def __init__(self, spec: TensorSpec) -> None:
        self.spec = spec
        self._bounds = TensorBounds(spec)

    def array(self, value: object, place: str) -> NDArray[Any]:
        """A copy of the value in the precision of the signature; whole numbers stay exactly what they are.

        Raises:
            ModelFailed: the value is of another shape or kind than the input.
            InvalidInput: a number is out of the signature's bounds; `place` names the row.
        """
        spec = self.spec
        array = np.asarray(value)
        numbers = _numbers(value, array, spec.dtype)
        shape = spec.shape[1:]
        fits = array.ndim == len(shape) and all(
            want in (-1, have) for want, have in zip(shape, array.shape, strict=True)
        )
        if numbers is None or not fits or 0 in array.shape:
            raise ModelFailed(
                f"the task of this model gave its input '{spec.name}' as {array.dtype} of shape {list(array.shape)}, "
                f"and the model takes {spec.datatype} of shape {list(shape)}"
            )
        # Whole numbers are compared before they could wrap around, others in the precision that the bounds have.
        if spec.dtype.kind != "f" or numbers.dtype.kind == "O":
            self._check(numbers, numbers, place)
        with np.errstate(over="ignore"):
            row = numbers.astype(spec.dtype)
        if spec.dtype.kind == "f":
            self._check(row, numbers, place)
        return row

    def stack(self, rows: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """A tensor of shape [rows, ...].

        Raises:
            InvalidInput: a row has another shape than the first one.
        """
        for index, row in enumerate(rows):
            if row.shape != rows[0].shape:
                raise InvalidInput(
                    f"row {index} has another length than row 0, as the task reads it",
                    expected=f"rows of one length in a request: '{self.spec.name}' of shape {list(rows[0].shape)}",
                    given=f"shape {list(row.shape)}", index=index,
                )  # fmt: skip
        return np.stack(rows)

    def _check(self, row: NDArray[Any], given: NDArray[Any], place: str) -> None:
        outside = self._bounds.first_outside(row[np.newaxis])
        if outside is not None:
            spec = self.spec
            low, high = ("any" if bound is None else f"{bound:g}" for bound in (spec.minimum, spec.maximum))
            raise InvalidInput(
                f"{place} gives a number out of the bounds of the model's input '{spec.name}'",
                expected=f"finite {spec.datatype} numbers from {low} to {high}", given=_shown(given[outside[1:]]),
            )  # fmt: skip


def _numbers(value: object, array: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any] | None:
    """The array of a value if its numbers may become those of the datatype, and `None` if not.

    numpy makes one datatype of a list, and that of large whole numbers is FP64, which rounds them: such a list becomes
    an array of Python's numbers.
    """
    if array.dtype.kind == "b" and dtype.kind in "iu":
        return array.astype(np.uint8)  # numpy cannot compare truth values with the bounds of 64 bits
    if array.dtype.kind in {"f": "fiub", "i": "iu", "u": "iu", "b": "b"}[dtype.kind]:
        return array
    if dtype.kind == "b" or array.dtype.kind not in "fO" or isinstance(value, np.generic):
        return None
    if isinstance(value, np.ndarray) and array.dtype.kind == "f":
        return None
    exact = np.asarray(value, object)
    kinds = (int, np.integer, np.bool_, *((float, np.floating) if dtype.kind == "f" else ()))
    return exact if all(isinstance(each, kinds) for each in exact.flat) else None


def _shown(number: Any) -> str:  # noqa: ANN401  # of numpy or of Python
    """A number in a few characters; Python refuses to write whole numbers of thousands of digits."""
    if isinstance(number, int) and number.bit_length() > _MOST_BITS:
        return f"a whole number of {number.bit_length()} bits"
    return str(number)[:_LONGEST_NUMBER]
