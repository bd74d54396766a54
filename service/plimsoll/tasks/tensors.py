"""`tensors`: the tensors of any signature, as nested lists of numbers in JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from plimsoll.bundle.padding_options import OPTION as PADDING
from plimsoll.bundle.padding_options import padding_of
from plimsoll.bundle.task_files import ReadFile, no_file
from plimsoll.errors import InvalidInput, UnsupportedMediaType
from plimsoll.inference.batch_limits import BatchLimits
from plimsoll.inference.parts import Part
from plimsoll.inference.payloads import Signature, Tensors, TensorSpec
from plimsoll.inference.ports import Json, Question, Shapes
from plimsoll.inference.task_limits import DEFAULT_LIMITS, TaskLimits
from plimsoll.quoting import quote
from plimsoll.tasks.finite_numbers import not_finite, place_beyond_floats
from plimsoll.tasks.json_faults import BodyForm, explain, kind_of, syntax_fault
from plimsoll.tasks.json_values import holds_more
from plimsoll.tasks.nested_numbers import NestedNumbers
from plimsoll.tasks.number_rows import MAX_ROWS, check_count
from plimsoll.tasks.padding import PaddedRows, without_padding
from plimsoll.tasks.task_options import NO_OPTIONS, Options, check_options
from plimsoll.tasks.wire_tensors import check_complete

NAME = "tensors"
_FORM = BodyForm(
    'an object {"inputs": {name: nested lists}} for one row, or {"instances": [{name: nested lists}, ...]} for many',
    "inputs",
    "instances",
)
_MOST_NUMBERS = 250_000
_MOST_LISTS = 100_000
"""Of one body where the signature leaves lengths open; each becomes a Python object."""


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    inputs: dict[str, Any] | None = None
    instances: list[dict[str, Any]] | None = None
    user: str | None = None


_decoder = msgspec.json.Decoder(_Document)


class TensorRows:
    """Implements `OpenQuestion`: rows of every input, as arrays in the precision of the signature."""

    __slots__ = ("_tensors", "rows", "shapes", "user")
    padding = 0

    def __init__(self, tensors: Mapping[str, NDArray[Any]], user: str | None, *, open_shapes: bool) -> None:
        self._tensors = tensors
        self.rows = len(next(iter(tensors.values())))
        self.shapes: Shapes = tuple(each.shape[1:] for each in tensors.values()) if open_shapes else ()
        self.user = user

    def row(self, index: int) -> TensorRows:
        """One of the rows as a question of its own; its numbers are known to be right."""
        tensors = {name: tensor[index : index + 1] for name, tensor in self._tensors.items()}
        return TensorRows(tensors, self.user, open_shapes=bool(self.shapes))

    def parts(self, limits: BatchLimits) -> Sequence[Part]:
        """As many rows as a batch may have, the first ones first."""
        most, found = limits.most_rows(self.shapes), []
        for first in range(0, self.rows if self.rows > most else 0, most):
            rows = slice(first, first + most)
            tensors = {name: tensor[rows] for name, tensor in self._tensors.items()}
            found.append(Part(range(self.rows)[rows], TensorRows(tensors, self.user, open_shapes=True)))
        return found

    def write(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        """Write every row of every input."""
        for name, tensor in self._tensors.items():
            inputs[name][:] = tensor


class TensorTask:
    """Implements `Task` for every signature. With the option `padding`, rows of different lengths share batches.

    Raises:
        BundleError: with check `task`, when an option is unknown, malformed or does not fit the signature.
    """

    item = _FORM.one
    reading_cost = 8
    slow_results = False
    classes = None

    def __init__(
        self,
        signature: Signature,
        options: Options = NO_OPTIONS,
        read_file: ReadFile = no_file,
        limits: TaskLimits = DEFAULT_LIMITS,
    ) -> None:
        del read_file, limits
        check_options(NAME, options, (PADDING,))
        self.wire = signature
        self._padding = padding_of(signature, options)
        self._inputs = [NestedNumbers(spec) for spec in signature.inputs]
        self._open = any(spec.open_dimensions for spec in signature.inputs)
        self._outputs = signature.outputs
        mask = None if self._padding is None else self._padding.mask
        self._required = [spec.name for spec in signature.inputs if spec.name != mask]
        self._most_numbers = most_numbers(signature)
        self._most_lists = _MOST_LISTS if self._open else MAX_ROWS * sum(map(_lists, signature.inputs))

    def __eq__(self, other: object) -> bool:
        """Whether every body means the same question to both."""
        return isinstance(other, TensorTask) and self.wire == other.wire and self._padding == other._padding

    def __hash__(self) -> int:
        return hash(self.wire)

    def read(self, body: bytes) -> TensorRows | PaddedRows:
        """The tensors of a JSON body; see `Task.read`."""
        if self._holds_too_much(body):
            most = f"{MAX_ROWS} rows" if not self._open else f"{_MOST_NUMBERS} numbers"
            raise syntax_fault(body, _FORM) or InvalidInput(
                "the body holds too many rows or numbers", expected=f"at most {most}"
            )
        try:
            parsed = _decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise explain(body, _FORM, _fault_of_row) from None
        if parsed.inputs is not None and parsed.instances is None:
            return self._question([parsed.inputs], parsed.user, single=True)
        if parsed.instances is not None and parsed.inputs is None:
            check_count(len(parsed.instances))
            return self._question(parsed.instances, parsed.user, single=False)
        raise explain(body, _FORM, _fault_of_row)

    def of_rows(self, rows: NDArray[Any]) -> TensorRows:
        """No rows of numbers alone.

        Raises:
            UnsupportedMediaType: always; the tensors of this task have names.
        """
        raise UnsupportedMediaType(
            "this model takes named tensors, not rows of numbers", expected="Content-Type: application/json",
            given=f"{len(rows)} rows",
        )  # fmt: skip

    def of_tensors(self, tensors: Tensors) -> TensorRows | PaddedRows:
        """Rows that come as tensors by name; see `Task.of_tensors`."""
        mask = None if self._padding is None else self._padding.mask
        rows = check_complete(self.wire.inputs, tensors, mask)
        for each in self._inputs:
            if each.spec.name in tensors:
                each.check(tensors[each.spec.name], single=rows == 1)
        ordered = {spec.name: tensors[spec.name] for spec in self.wire.inputs if spec.name in tensors}
        if self._padding is None:
            return TensorRows(ordered, None, open_shapes=self._open)
        by_row = [{name: tensor[row : row + 1] for name, tensor in ordered.items()} for row in range(rows)]
        return PaddedRows(self._padding, by_row, None, single=rows == 1)

    def tensors(self, question: Question, outputs: Tensors) -> Tensors:
        """The outputs, without the padding of their rows; the rows of `of_tensors` have one length."""
        if not isinstance(question, PaddedRows):
            return outputs
        rows = without_padding(question, outputs, self._outputs)
        return {spec.name: np.stack([row[spec.name] for row in rows]) for spec in self._outputs}

    def results(self, question: Question, outputs: Tensors) -> list[Any]:
        """`{"outputs": {name: nested lists}}` of each row; see `Task.results`."""
        if isinstance(question, PaddedRows):
            rows = without_padding(question, outputs, self._outputs)
            for index, row in enumerate(rows):
                for tensor in row.values():
                    if tensor.dtype.kind == "f" and not np.isfinite(tensor).all():
                        raise not_finite(tensor[np.newaxis], index if len(rows) > 1 else None)
            return [{"outputs": row} for row in rows]
        for spec in self._outputs:
            tensor = outputs[spec.name]
            if tensor.dtype.kind == "f" and not np.isfinite(tensor).all():
                raise not_finite(tensor)
        count = len(outputs[self._outputs[0].name])
        return [{"outputs": {spec.name: outputs[spec.name][row] for spec in self._outputs}} for row in range(count)]

    def row_schema(self) -> Json:
        """The JSON schema of one item of `instances`."""
        padding = self._padding
        longest = None if padding is None else padding.longest
        properties = {each.spec.name: each.schema(longest) for each in self._inputs}
        if padding is not None and padding.mask is not None:
            properties[padding.mask]["description"] += "; without it every place of the row counts"
        return {
            "type": "object", "properties": properties, "required": self._required, "additionalProperties": False,
        }  # fmt: skip

    def example_row(self, inputs: Tensors) -> Json:
        """The tensors by name."""
        return {each.spec.name: inputs[each.spec.name] for each in self._inputs}

    def result_schema(self) -> Json:
        """The JSON schema of one result."""
        properties = {spec.name: NestedNumbers(spec).schema() for spec in self._outputs}
        outputs = {"type": "object", "properties": properties, "required": list(properties)}
        return {"type": "object", "properties": {"outputs": outputs}, "required": ["outputs"]}

    def _holds_too_much(self, body: bytes) -> bool:
        """Whether so many numbers, lists or objects that it is wrong; twice as many may be, for a field may recur."""
        return (
            holds_more(body, b",", 2 * (self._most_numbers + MAX_ROWS * len(self._inputs)))
            or holds_more(body, b"[", 2 * (self._most_lists + 1))
            or holds_more(body, b"{", 2 * (MAX_ROWS + 2))
        )

    def _question(
        self, rows: Sequence[Mapping[str, Any]], user: str | None, *, single: bool
    ) -> TensorRows | PaddedRows:
        known = {each.spec.name: each for each in self._inputs}
        for index, row in enumerate(rows):
            where = None if single else index
            if unknown := [name for name in row if name not in known]:
                raise InvalidInput(
                    f"unknown input {quote(unknown[0], 32)}", expected=f"inputs {', '.join(known)}", index=where
                )
            if missing := [name for name in self._required if name not in row]:
                raise InvalidInput(f"the input '{missing[0]}' is missing", expected=_FORM.sentence, index=where)
        if self._padding is not None:
            given = [
                {name: known[name].read([value], single=single, first=index) for name, value in row.items()}
                for index, row in enumerate(rows)
            ]
            return PaddedRows(self._padding, given, user, single=single)
        tensors = {
            each.spec.name: each.read([row[each.spec.name] for row in rows], single=single) for each in self._inputs
        }
        return TensorRows(tensors, user, open_shapes=self._open)


def _fault_of_row(row: object, index: int | None) -> InvalidInput | None:
    where = "'inputs'" if index is None else f"row {index} of instances"
    if isinstance(row, dict):
        return next(filter(None, (_fault_of_range(name, value, index) for name, value in row.items())), None)
    expected = "an object that names every input"
    return InvalidInput(f"{where} has the wrong type", expected=expected, given=kind_of(row), index=index)


def _fault_of_range(name: str, value: object, index: int | None) -> InvalidInput | None:
    position = place_beyond_floats(value)
    if position is None:
        return None
    where = f" at position {position}" if position else ""
    return InvalidInput(
        f"the input {quote(name, 32)} holds a number beyond every range{where}",
        expected="finite numbers", given="a number too large for a float", index=index,
    )  # fmt: skip


def _lists(spec: TensorSpec) -> int:
    """The lists of one row: one, and one for each element but in the last dimension."""
    return sum(math.prod(spec.shape[1:end]) for end in range(1, len(spec.shape)))


def most_numbers(signature: Signature) -> int:
    """The most numbers in one request of these inputs, in whatever format it comes."""
    if any(spec.open_dimensions for spec in signature.inputs):
        return _MOST_NUMBERS
    return MAX_ROWS * sum(math.prod(spec.shape[1:]) for spec in signature.inputs)
