"""Flat rows of numbers, for every task of one flat input: one row as `features`, or up to 100 as `instances`."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import simdjson
from numpy.typing import NDArray

from plimsoll.errors import InvalidInput
from plimsoll.inference.payloads import Classes, Signature, Tensors
from plimsoll.inference.ports import Json, Question, Shapes
from plimsoll.inference.tensor_bounds import TensorBounds
from plimsoll.tasks.json_values import holds_more
from plimsoll.tasks.number_faults import FORM, explain, explain_surplus
from plimsoll.tasks.row_documents import rows_of_numbers
from plimsoll.tasks.wire_tensors import check_complete

MAX_ROWS = 100
_LONG_NUMBER_BYTES = 22
_COUNTED_FROM_BYTES = 65_536
"""A longer body has its rows and numbers counted before anything is made of them."""
_LARGEST_PIXEL = 255


class _Parsers(threading.local):
    """A parser for each thread, since none of them is safe to share; it keeps its memory for the next body."""

    def __init__(self) -> None:
        self.simd = simdjson.Parser()


_parsers = _Parsers()


class NumberRows:
    """Implements `Question`: rows of one flat input; `single` says that the body gave one row and no list of them.

    Rows that come as an array, [rows, columns], are known to have the right length. `first` is added to the index of a
    row in an error.
    """

    __slots__ = ("_reader", "_single", "_values", "rows", "user")
    first = 0
    shapes: Shapes = ()
    padding = 0

    def __init__(
        self,
        reader: RowReader,
        values: Sequence[Sequence[float]] | NDArray[np.floating[Any]],
        user: str | None = None,
        *,
        single: bool = False,
    ) -> None:
        self._reader = reader
        self._values = values
        self._single = single
        self.rows = len(values)
        self.user = user

    def row(self, index: int) -> NumberRows:
        """One of the rows as a question of its own; see `Question.row`."""
        return _OneOfMany(self._reader, self._values[index : index + 1], self.user, single=self._single, first=index)

    def write(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        """Write the rows, each number checked against the signature.

        Raises:
            InvalidInput: a row of the wrong length (`index` names it), or a number out of bounds.
        """
        reader, values = self._reader, self._values
        tensor, bounds = inputs[reader.name], reader.bounds
        if isinstance(values, np.ndarray):
            if values.dtype == tensor.dtype:
                tensor[:] = values
                values = tensor  # to look for the least and the greatest numpy copies what is read-only
            # Rounding to the tensor's precision is monotonic, so these numbers stay within; only `first_outside` can
            # decide on others. NaN counts as the least and as the greatest. Their positions find both in a third of the
            # time that numpy's minimum and maximum take for one row.
            if bounds.low <= values.item(values.argmin()) and values.item(values.argmax()) <= bounds.high:
                if values is not tensor:
                    tensor[:] = values
                return
        # 1e39 becomes infinite in FP32, and the check of bounds refuses it.
        with np.errstate(over="ignore"):
            if isinstance(values, np.ndarray):
                tensor[:] = values
            else:
                self._write_lists(tensor, values)
        if (outside := bounds.first_outside(tensor)) is not None:
            raise self._out_of_bounds(tensor, outside)

    def _write_lists(self, tensor: NDArray[Any], values: Sequence[Sequence[float]]) -> None:
        width = self._reader.width
        for index, row in enumerate(values):
            # The explicit check comes first: numpy would spread a row of one number over the whole width.
            if len(row) != width:
                raise wrong_length(width, len(row), None if self._single else self.first + index)
            tensor[index] = row

    def _out_of_bounds(self, tensor: NDArray[Any], outside: tuple[int, ...]) -> InvalidInput:
        spec, bounds = self._reader.spec, self._reader.bounds
        row, column = outside
        value, index = float(tensor[row, column]), None if self._single else self.first + row
        if not np.isfinite(value):
            return InvalidInput(
                f"the number at position {column} does not fit {spec.datatype}",
                expected=f"finite numbers within {spec.datatype}",
                given="a number beyond its range",
                index=index,
            )
        low = -np.inf if spec.minimum is None else bounds.low
        high = np.inf if spec.maximum is None else bounds.high
        expected = f"numbers from {low:g} to {high:g}"
        if spec.maximum == 1 and tensor.min() >= 0 and tensor.max() <= _LARGEST_PIXEL:
            expected += "; these look like pixels from 0 to 255: should they be divided by 255?"
        return InvalidInput(
            f"the number at position {column} is out of bounds", expected=expected, given=f"{value:g}", index=index
        )


class _OneOfMany(NumberRows):
    """A row of a question of more; a class of its own, because `first` would cost every other question a store."""

    __slots__ = ("first",)

    def __init__(
        self,
        reader: RowReader,
        values: Sequence[Sequence[float]] | NDArray[np.floating[Any]],
        user: str | None,
        *,
        single: bool,
        first: int,
    ) -> None:
        super().__init__(reader, values, user, single=single)
        self.first = first


class RowReader:
    """The half of a `Task` that takes rows: of one flat input, FP32 or FP64 of shape [-1, width]."""

    item = FORM.one
    reading_cost = 1
    slow_results = False
    classes: Classes | None = None

    def __init__(self, signature: Signature) -> None:
        self.wire = signature
        (spec,) = signature.inputs
        self.spec = spec
        self.name = spec.name
        self.width = spec.shape[1]
        self.bounds = TensorBounds(spec)

    def __eq__(self, other: object) -> bool:
        """Whether every body means the same question to both."""
        return isinstance(other, RowReader) and type(self) is type(other) and self.spec == other.spec

    def __hash__(self) -> int:
        return hash(self.spec)

    def read(self, body: bytes) -> NumberRows:
        """The rows of a JSON body. May be called on any thread.

        The fast path creates no Python object per number, which is more than half of the time that a small model takes.
        A long body with far more rows or numbers than a request may have is refused before anything is made of them.

        Raises:
            MalformedBody: the body is empty or not JSON.
            InvalidInput: JSON of another shape, or too many rows or none.
        """
        long = len(body) > _COUNTED_FROM_BYTES
        if long and self._holds_too_much(body):
            raise explain_surplus(body, MAX_ROWS, self.width)
        if not (long and _spells_numbers_out(body)) and (plain := self._plain_rows(body)) is not None:
            if plain.rows > MAX_ROWS:
                check_count(plain.rows)
            return plain
        parsed = rows_of_numbers(body)
        if parsed.features is not None and parsed.instances is None:
            return NumberRows(self, (parsed.features,), parsed.user, single=True)
        if parsed.instances is not None and parsed.features is None:
            check_count(len(parsed.instances))
            return NumberRows(self, parsed.instances, parsed.user)
        return self.other_rows(body)

    def other_rows(self, body: bytes) -> NumberRows:
        """The rows of a body that does not hold rows of numbers; see `read` for the errors.

        Raises:
            ClientError: always here; a task that reads other bodies overrides it.
        """
        raise explain(body, self.width)

    def of_rows(self, rows: NDArray[Any]) -> NumberRows:
        """Rows that come as FP64 of shape [rows, columns].

        Raises:
            InvalidInput: too many rows or none, or rows of another length.
        """
        check_count(len(rows))
        if rows.shape[1] != self.width:
            raise wrong_length(self.width, rows.shape[1], 0)
        return NumberRows(self, rows)

    def of_tensors(self, tensors: Tensors) -> NumberRows:
        """Rows that come as a tensor of shape [rows, width]; see `Task.of_tensors`."""
        check_complete((self.spec,), tensors)
        return NumberRows(self, tensors[self.name])

    def tensors(self, question: Question, outputs: Tensors) -> Tensors:
        """The outputs themselves."""
        del question
        return outputs

    def example_row(self, inputs: Tensors) -> NDArray[Any]:
        """The row of this input."""
        return inputs[self.name]

    def row_schema(self) -> Json:
        """The JSON schema of a row."""
        spec, bounds = self.spec, {"minimum": self.spec.minimum, "maximum": self.spec.maximum}
        number = {"type": "number", **{name: bound for name, bound in bounds.items() if bound is not None}}
        described = f"{self.width} numbers: {spec.name}."
        return {
            "type": "array", "items": number, "minItems": self.width, "maxItems": self.width, "description": described,
        }  # fmt: skip

    def _holds_too_much(self, body: bytes) -> bool:
        """Whether so many rows or numbers that it is wrong; twice as many are allowed, for a field may recur."""
        most = 2 * MAX_ROWS * (self.width + 1)
        return holds_more(body, b",", most) or holds_more(body, b"[", 2 * (MAX_ROWS + 1))

    def _plain_rows(self, body: bytes) -> NumberRows | None:
        """The rows of a body that is as plain as can be; `None` for any other, right or wrong, which others look into.

        simdjson gives the numbers of an array, however nested, as one buffer. How it is nested only the brackets say.
        Raises nothing: an error would hold on to the document, and its parser reads no other one for so long.
        """
        try:
            document: Any = _parsers.simd.parse(body)
            user = None if (names := len(document)) == 1 else document["user"]
            if not body.startswith(b"{") or (names != 1 and not (names == 2 and isinstance(user, str))):  # noqa: PLR2004
                return None
            single = "features" in document
            found = document["features" if single else "instances"]
            if single:
                fits = len(found) == self.width and body.find(b"[", body.find(b"[") + 1) < 0
            else:
                lengths = [len(row) for row in found]
                fits = 0 < len(lengths) == lengths.count(self.width) and body.count(b"[") == 1 + len(lengths)
            if not fits:
                return None
            values = np.frombuffer(found.as_buffer(of_type="d")).reshape(-1, self.width)
        except Exception:  # noqa: BLE001  # whatever is unusual about the body, the way for unusual ones tells it better
            return None
        return NumberRows(self, values, user, single=single)


def check_count(rows: int) -> None:
    """Raise an `InvalidInput` unless a request may have so many rows."""
    if not 1 <= rows <= MAX_ROWS:
        raise InvalidInput("the number of rows is out of range", expected=f"1 to {MAX_ROWS} rows", given=f"{rows} rows")


def wrong_length(width: int, length: int, index: int | None) -> InvalidInput:
    """The error for a row of another length; `index` is its place in a list of rows."""
    where = "features" if index is None else f"row {index} of instances"
    return InvalidInput(
        f"{where} has the wrong length", expected=f"{width} numbers", given=f"{length} numbers", index=index
    )


def _spells_numbers_out(body: bytes) -> bool:
    """Whether numbers have more than 20 characters on average: over 19 digits simdjson is slower than msgspec."""
    return len(body) > _LONG_NUMBER_BYTES * (body.count(b",") + 1)
