"""Adapts a task of one's own, a `plimsoll.own_task.OwnTask`, to the port of the line."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import numpy as np
import orjson
from numpy.typing import NDArray

from plimsoll.errors import InvalidInput, ModelFailed, PlimsollError, UnsupportedMediaType
from plimsoll.inference.payloads import Signature, Tensors, TensorSpec
from plimsoll.inference.ports import Json, Question, Shapes
from plimsoll.own_task import InvalidRow, OwnTask
from plimsoll.quoting import quote
from plimsoll.tasks.json_faults import BodyForm, explain, kind_of, syntax_fault
from plimsoll.tasks.json_values import holds_more
from plimsoll.tasks.number_rows import check_count
from plimsoll.tasks.own_inputs import OwnInput
from plimsoll.tasks.plain_json import plain_json
from plimsoll.tasks.wire_tensors import elements_of

_MOST_VALUES = 250_000
"""Of one body; each becomes a Python object."""
_LONGEST_WORDS = 500
_LONGEST_ELEMENT = 32
RESULT = "result"
"""The output of every task of one's own in protocols of tensors."""
_KINDS: Mapping[str, tuple[str, tuple[type, ...]]] = {
    "object": ("an object", (dict,)),
    "array": ("an array", (list,)),
    "string": ("a string", (str,)),
    "number": ("a number", (int, float)),
    "integer": ("a whole number", (int,)),
    "boolean": ("true or false", (bool,)),
    "null": ("null", (type(None),)),
}
ROW_TYPES = tuple(_KINDS)
"""The names of types that a `row_schema` may have."""
_decoder = msgspec.json.Decoder()


class OwnRows:
    """Implements `Question`: the rows that the task has read, as arrays in the precision of the signature.

    `single` says that the body gave one row and no list of them. `results` are set once the task has written them.
    `first` is added to the index of a row in an error.
    """

    __slots__ = ("_tensors", "first", "results", "rows", "shapes", "single", "user")
    padding = 0

    def __init__(self, tensors: Tensors, user: str | None, *, single: bool, open_shapes: bool) -> None:
        self._tensors = tensors
        self.rows = len(next(iter(tensors.values())))
        self.shapes: Shapes = tuple(each.shape[1:] for each in tensors.values()) if open_shapes else ()
        self.single = single
        self.first = 0
        self.user = user
        self.results: list[Any] | None = None

    def row(self, index: int) -> OwnRows:
        """One of the rows as a question of its own; see `Question.row`."""
        tensors = {name: tensor[index : index + 1] for name, tensor in self._tensors.items()}
        row = OwnRows(tensors, self.user, single=self.single, open_shapes=bool(self.shapes))
        row.first = index
        return row

    def write(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        """Write every row of every input."""
        for name, tensor in self._tensors.items():
            inputs[name][:] = tensor


class AdaptedTask:
    """Implements `Task`: calls the code of an `OwnTask` for each row, and checks what it returns.

    `example` is a row of the golden requests. Any error of that code fails only its request.
    """

    reading_cost = 1
    slow_results = False
    """They are formed on threads of their own anyway."""
    classes = None

    def __init__(self, own: OwnTask, signature: Signature, example: object) -> None:
        self._own = own
        self._inputs = [OwnInput(spec) for spec in signature.inputs]
        self._open = any(spec.open_dimensions for spec in signature.inputs)
        self._outputs = [spec.name for spec in signature.outputs]
        self._example = example
        self._row_schema, self._result_schema = dict(own.row_schema), dict(own.result_schema)
        self.item = own.item
        texts = TensorSpec(own.item, "BYTES", (-1,)), TensorSpec(RESULT, "BYTES", (-1,))
        self.wire = Signature((texts[0],), (texts[1],))
        self._kind, self._types = _kinds_of(own.row_schema.get("type"))
        one = self._kind.removesuffix(" or null")  # a field that is null counts as absent
        form = f'an object {{"{own.item}": {one}}} for one row, or {{"instances": [...]}} for many'
        self._form = BodyForm(form, own.item, "instances")

    def read(self, body: bytes) -> OwnRows:
        """The rows of a JSON body; see `Task.read`.

        Raises:
            ModelFailed: the code of the task fails, or returns something else than the inputs of the model.
        """
        if _holds_too_much(body):
            raise syntax_fault(body, self._form) or _too_many_values()
        try:
            document = _decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise explain(body, self._form, self._fault_of_row) from None
        if not self._is_whole(document):
            raise explain(body, self._form, self._fault_of_row)
        single = document.get(self.item) is not None
        rows = [document[self.item]] if single else document["instances"]
        check_count(len(rows))
        for index, row in enumerate(rows):
            if fault := self._fault_of_row(row, None if single else index):
                raise fault
        return self._question(rows, document.get("user"), single=single)

    def of_rows(self, rows: NDArray[Any]) -> OwnRows:
        """No rows of numbers alone.

        Raises:
            UnsupportedMediaType: always; this task reads JSON.
        """
        raise UnsupportedMediaType(
            "the task of this model reads JSON", expected="Content-Type: application/json", given=f"{len(rows)} rows"
        )

    def of_tensors(self, tensors: Tensors) -> OwnRows:
        """The rows of the input of BYTES; each element is a text, or the JSON of a row that is no text.

        Raises:
            InvalidInput: an element is not UTF-8 or not JSON, or not a row that the task reads; or all of them hold too
                many values.
            ModelFailed: as `read`.
        """
        elements = tensors[self.item]
        if self._types != (str,) and _holds_too_much(b",".join(elements)):
            raise _too_many_values()
        single = len(elements) == 1
        rows = [self._row_of(element, None if single else index) for index, element in enumerate(elements.tolist())]
        for index, row in enumerate(rows):
            if fault := self._fault_of_row(row, None if single else index, of=f"'{self.item}'"):
                raise fault
        return self._question(rows, None, single=single)

    def tensors(self, question: Question, outputs: Tensors) -> Tensors:
        """The results as BYTES: a text as it is, anything else as JSON; see `results` for the errors."""
        results = self.results(question, outputs)
        contents = [each.encode() if isinstance(each, str) else orjson.dumps(each) for each in results]
        return {RESULT: elements_of(contents)}

    def results(self, question: Question, outputs: Tensors) -> list[Any]:
        """The results that the task writes, one JSON value for each row; its code runs once for each question.

        Raises:
            InvalidInput: the task refuses the row after all.
            ModelFailed: the code of the task fails, or returns something else than JSON.
        """
        assert isinstance(question, OwnRows)  # noqa: S101  # it comes from `read`
        if question.results is None:
            single, first = question.single, question.first
            rows = range(question.rows)
            question.results = [self._write(outputs, row, first + row, single=single) for row in rows]
        return question.results

    def row_schema(self) -> Json:
        """The JSON schema of one row, as the task declares it."""
        return self._row_schema

    def example_row(self, inputs: Tensors) -> Any:  # noqa: ANN401  # JSON
        """The first row of the golden requests; tensors cannot be turned back into a row."""
        del inputs
        return self._example

    def result_schema(self) -> Json:
        """The JSON schema of one result, as the task declares it."""
        return self._result_schema

    def _row_of(self, element: bytes, index: int | None) -> Any:  # noqa: ANN401  # JSON
        try:
            return element.decode() if self._types == (str,) else _decoder.decode(element)
        except (UnicodeDecodeError, msgspec.DecodeError, RecursionError):
            expected = "UTF-8 text" if self._types == (str,) else f"the JSON of {self._kind}"
            given = quote(element[:_LONGEST_ELEMENT].decode("latin-1"))
            raise InvalidInput(
                f"an element of the input '{self.item}' is not readable", expected=expected, given=given, index=index
            ) from None

    def _is_whole(self, document: object) -> bool:
        """Whether the body has one of both fields and no unknown one; `explain` says what is wrong with others."""
        return (
            isinstance(document, dict)
            and document.keys() <= {self.item, "instances", "user"}
            and isinstance(document.get("user"), str | None)
            and (document.get(self.item) is None) != (document.get("instances") is None)
            and isinstance(document.get("instances"), list | None)
        )

    def _fault_of_row(self, row: object, index: int | None, of: str = "instances") -> InvalidInput | None:
        accepted = isinstance(row, self._types)
        if accepted and (not isinstance(row, bool) or bool in self._types or object in self._types):
            return None
        where = f"'{self.item}'" if index is None else f"row {index} of {of}"
        return InvalidInput(f"{where} has the wrong type", expected=self._kind, given=kind_of(row), index=index)

    def _question(self, rows: Sequence[Any], user: str | None, *, single: bool) -> OwnRows:
        read: list[list[NDArray[Any]]] = []
        for index, row in enumerate(rows):
            with _foreign(f"failed to read {_place(index, single)}", None if single else index):
                given: Any = self._own.read(row)
                if not isinstance(given, Mapping) or given.keys() != {each.spec.name for each in self._inputs}:
                    names = ", ".join(f"'{each.spec.name}'" for each in self._inputs)
                    raise ModelFailed(
                        f"the task of this model read {_place(index, single)} into something else than the inputs of "
                        f"the model, {names}"
                    )
                read.append([each.array(given[each.spec.name], _place(index, single)) for each in self._inputs])
        tensors = {}
        for position, each in enumerate(self._inputs):
            tensors[each.spec.name] = each.stack([row[position] for row in read])
        return OwnRows(tensors, user, single=single, open_shapes=self._open)

    def _write(self, outputs: Tensors, row: int, named: int, *, single: bool) -> Any:  # noqa: ANN401  # JSON
        """The answer of one row of the outputs; errors name the row by another index."""
        index = None if single else named
        with _foreign(f"failed to write the answer to {_place(named, single)}", index):
            views = {name: _read_only(outputs[name][row]) for name in self._outputs}
            answer = self._own.write(views)
            try:
                return plain_json(answer)
            except ValueError as error:
                raise ModelFailed(
                    f"the task of this model answered {_place(named, single)} with {error}", index=index
                ) from None


def _holds_too_much(text: bytes) -> bool:
    """Whether JSON has far more values than a body may hold; nothing is made of them."""
    return any(holds_more(text, mark, 2 * _MOST_VALUES) for mark in (b",", b"[", b"{"))


def _too_many_values() -> InvalidInput:
    return InvalidInput("the body holds too many values", expected=f"at most {_MOST_VALUES} values")


@contextmanager
def _foreign(failure: str, index: int | None) -> Iterator[None]:
    """Turn whatever the code of the task raises into an error of its request."""
    try:
        yield
    except InvalidRow as error:
        raise InvalidInput(
            _words(error.message) or "the row is not valid",
            expected=None if error.expected is None else _words(error.expected),
            given=None if error.given is None else _words(error.given), index=index,
        ) from None  # fmt: skip
    except PlimsollError as error:
        if error.index is None:
            error.index = index
        raise
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
            raise
        raise ModelFailed(f"the task of this model {failure}", index=index) from error


def _words(value: object) -> str:
    return str(value).encode(errors="replace").decode()[:_LONGEST_WORDS]


def _place(index: int, single: bool) -> str:  # noqa: FBT001  # the second half of one thought
    return "the row" if single else f"row {index}"


def _kinds_of(names: Any) -> tuple[str, tuple[type, ...]]:  # noqa: ANN401  # a JSON value
    """The kinds of rows that the `type` of a schema allows, in words, and their classes; any without a type."""
    if names is None:
        return "a JSON value", (object,)
    chosen = [names] if isinstance(names, str) else names
    kinds = [kind for name, kind in _KINDS.items() if name in chosen]
    *others, last = [words for words, _ in kinds]
    words = f"{', '.join(others)} or {last}" if others else last
    return words, tuple(each for _, types in kinds for each in types)


def _read_only(row: Any) -> Any:  # noqa: ANN401  # an array or a scalar
    """The row as code of others may see it; a cache may hold it for the next request."""
    if isinstance(row, np.ndarray):
        row = row.view()
        row.flags.writeable = False
    return row
