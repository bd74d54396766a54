"""Rows that differ in length, padded to a common one."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.errors import InvalidInput, ModelFailed
from plimsoll.inference.batch_limits import BatchLimits
from plimsoll.inference.padding import Padding, own_places
from plimsoll.inference.parts import Part
from plimsoll.inference.payloads import Tensors, TensorSpec


class PaddedRows:
    """Implements `OpenQuestion`: rows of one request, each with a length of its own, padded as the longest needs.

    `given` has each row by the names of its inputs, [1, ...] each; the mask may be missing. `lengths` are those of the
    rows, and `marked` those without the places at the end that a client's own mask leaves out. `padding` is the number
    of elements that are padding, over all inputs and rows.

    Raises:
        InvalidInput: inputs of one row differ in length, a row is too long, or a mask is 0 everywhere; `index` names
            the row unless there is a `single` one.
    """

    __slots__ = ("_given", "_way", "lengths", "marked", "padding", "rows", "shapes", "user")

    def __init__(self, way: Padding, given: Sequence[Tensors], user: str | None, *, single: bool) -> None:
        self._way = way
        self._given = given
        self.lengths = [_length_of(way, row, None if single else index) for index, row in enumerate(given)]
        self.marked = [_marked(way, row, length) for row, length in zip(given, self.lengths, strict=True)]
        self.rows = len(given)
        self.user = user
        length = way.bucket(max(self.lengths))
        self.shapes = way.shapes(length)
        self.padding = sum(_padding_of(spec, length, self.lengths) for spec in way.inputs if spec.open_dimensions)

    def row(self, index: int) -> PaddedRows:
        """One of the rows as a question of its own, padded as it alone needs; it is known to be right."""
        return PaddedRows(self._way, self._given[index : index + 1], self.user, single=True)

    def parts(self, limits: BatchLimits) -> Sequence[Part]:
        """Rows that, padded alone, are at least half as long as the longest of their part; the shortest part first.

        To pad all rows as the longest needs would double what is computed, and a part for each length would give a GPU
        many small batches.
        """
        padded = [self._way.bucket(length) for length in self.lengths]
        ascending = sorted(range(self.rows), key=padded.__getitem__)
        parts: list[Part] = []
        while ascending:
            longest = padded[ascending[-1]]
            most = limits.most_rows(self._way.shapes(longest))
            first = max(bisect_left(ascending, longest / 2, key=padded.__getitem__), len(ascending) - most)
            indexes, ascending = sorted(ascending[first:]), ascending[:first]
            given = [self._given[index] for index in indexes]
            parts.append(Part(indexes, PaddedRows(self._way, given, self.user, single=True)))
        return parts[::-1] if len(parts) > 1 else ()

    def write(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        """Write every row, and padding after its end."""
        for index, (row, length) in enumerate(zip(self._given, self.lengths, strict=True)):
            self._way.write(inputs, slice(index, index + 1), row, length)


def without_padding(
    question: PaddedRows, outputs: Tensors, specs: Sequence[TensorSpec]
) -> list[dict[str, NDArray[Any]]]:
    """The outputs of each row by name, without the batch dimension, as long as the row was.

    A model may leave out places at the end that a client's own mask leaves out; they are answered with 0.

    Raises:
        ModelFailed: the model gave a row back shorter than it was; `index` names the row if there are several.
    """
    answers = []
    for row, (length, marked) in enumerate(zip(question.lengths, question.marked, strict=True)):
        index = row if question.rows > 1 else None
        answer = {}
        for spec in specs:
            own = own_places(spec, outputs[spec.name][row : row + 1], length)
            shape = tuple(length if size < 0 else size for size in spec.shape[1:])
            if own.shape[1:] != shape:
                own = _completed(spec, own, shape, marked, index)
            answer[spec.name] = own[0]
        answers.append(answer)
    return answers


def _completed(
    spec: TensorSpec, own: NDArray[Any], shape: tuple[int, ...], marked: int, index: int | None
) -> NDArray[Any]:
    """An output that ends where a client's mask ends, with 0 up to its shape."""
    if any(given < (marked if size < 0 else size) for size, given in zip(spec.shape[1:], own.shape[1:], strict=True)):
        raise ModelFailed(
            f"the model gave an output '{spec.name}' that is shorter than the row",
            expected=f"shape {list(shape)}",
            given=f"shape {list(own.shape[1:])}",
            index=index,
        )
    whole = np.zeros((1, *shape), own.dtype)
    whole[tuple(slice(size) for size in own.shape)] = own
    return whole


def _marked(way: Padding, row: Tensors, length: int) -> int:
    """The places up to the last one that the row's own mask marks; all of them without one."""
    if way.mask is None or way.mask not in row:
        return length
    return int(np.flatnonzero(row[way.mask])[-1]) + 1


def _length_of(way: Padding, row: Tensors, index: int | None) -> int:
    """The length of a row that is right."""
    lengths = way.length_of(row)
    first, length = next((name, size) for name, size in lengths.items() if name != way.mask)
    for name, other in lengths.items():
        if other != length:
            raise InvalidInput(
                f"the inputs '{first}' and '{name}' of one row differ in length",
                expected=f"{length} places in '{name}', as in '{first}'",
                given=f"{other} places",
                index=index,
            )
    if length > way.longest:
        raise InvalidInput(
            f"the row is too long for this model: '{first}' has {length} places",
            expected=f"at most {way.longest} places; shorten the row",
            given=f"{length} places",
            index=index,
        )
    if way.mask is not None and way.mask in row and not row[way.mask].any():
        raise InvalidInput(
            f"the mask '{way.mask}' marks every place as padding",
            expected="at least one place that is not 0; without the mask every place counts",
            given=f"{length} times 0",
            index=index,
        )
    return length


def _padding_of(spec: TensorSpec, length: int, lengths: Sequence[int]) -> int:
    """The elements of padding that this input has in all rows."""
    width = 1
    for size in spec.shape[1:]:
        width *= max(size, 1)
    return width * (len(lengths) * length - sum(lengths))
