"""/v1 in CSV: reads one row of numbers a line; writes a header line and one line for each row."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import orjson

from plimsoll.errors import InvalidInput, MalformedBody
from plimsoll.fronts.tensor_requests import reads_elements
from plimsoll.fronts.v1_json import VERSION_FIELD, V1Json
from plimsoll.inference.call import Call
from plimsoll.inference.payloads import Answer
from plimsoll.inference.ports import Json, Question, Reply
from plimsoll.inference.served_version import ServedVersion
from plimsoll.quoting import quote
from plimsoll.tasks.number_rows import MAX_ROWS, check_count, wrong_length
from plimsoll.tasks.tabular_rows import COLUMNS, TabularRows

_FORM = "lines of numbers separated by commas, and perhaps a first line of names, none of which is a number"
_NAMED_FORM = (
    "a line with the names of the columns, in any order, and a line of values for each row, where an empty cell is a "
    f"missing value; or {_FORM}"
)
_MOST_LINES = MAX_ROWS + 1
_LONGEST_OPEN_ROW = 10_000
_READING_COST = 16
_BEGINS_A_NUMBER = tuple("0123456789+-.")


class V1Csv(V1Json):
    """Implements `Front`; only its bodies differ from `V1Json`, and its errors are the same JSON."""

    media_types: tuple[str, ...] = ("text/csv",)

    def reading_cost(self, call: Call, body: bytes, served: ServedVersion) -> int:
        """Each byte, with a Python object for every cell."""
        return _READING_COST * super().reading_cost(call, body, served)

    def read(self, call: Call, body: bytes, served: ServedVersion) -> Question:
        """The question of the rows; a first line of names is passed by, unless the task knows its columns by name.

        Raises:
            MalformedBody: the body is empty or no UTF-8 text.
            InvalidInput: something else than numbers, rows of different lengths, or too many.
            UnsupportedMediaType: the task of the model takes no rows of numbers.
        """
        del call
        lines = _lines(body, _most_cells(served))
        if reads_elements(served):
            return served.task.of_rows(np.empty((len(lines), 0)))  # which says what it reads instead
        width = len(lines[0]) if lines else 0
        named = width > 0 and all(map(_is_name, lines[0]))
        task = served.task
        if isinstance(task, TabularRows) and width and task.names_columns(lines[0], all_names=named):
            return task.of_cells(lines[0], lines[1:])
        if named:
            del lines[0]
        check_count(len(lines))
        for index, line in enumerate(lines):
            if len(line) != width:
                raise wrong_length(width, len(line), index)
        return task.of_rows(np.array([_numbers(line, index) for index, line in enumerate(lines)], np.float64))

    def reply(self, call: Call, served: ServedVersion, question: Question, answer: Answer) -> Reply:
        """One line for each row; the version stands in a header.

        Results that have lists in them are answered in JSON, and those of a task of one's own that are no flat objects
        of the same fields.
        """
        results = served.task.results(question, answer.outputs)
        if _has_list(results[0]):
            return super().reply(call, served, question, answer)
        if served.threads is not None:
            if not _are_lines(results):
                return super().reply(call, served, question, answer)
            results = [{name: each[name] for name in results[0]} for each in results]  # each has an order of its own
        lines = [_line(_quoted(name).encode() for name in _names("", results[0]))]
        lines += [_line(_cells(result)) for result in results]
        content = b"\r\n".join(lines) + b"\r\n"
        headers = [
            (b"content-type", b"text/csv; charset=utf-8; header=present"),
            (b"content-length", b"%d" % len(content)),
            (VERSION_FIELD, answer.version.encode()),
        ]
        return Reply(200, headers, content)

    def body_content(self, item: str, row: Json, examples: Json) -> Json:
        """Lines of numbers, but nothing for a model of texts or pictures; the first line may name the columns."""
        del examples
        if row.get("type") == "string":
            return {}
        form = _NAMED_FORM if item == COLUMNS else _FORM
        return {"schema": {"type": "string", "description": f"{form[0].upper()}{form[1:]}; at most {MAX_ROWS} rows."}}

    def answer_content(self) -> Json:
        """Text, with a header line."""
        return {"schema": {"type": "string", "description": "A line of names, and a line for each row."}}


def _most_cells(served: ServedVersion) -> int:
    """The cells that a body may have; twice as many as needed, because lines may be blank."""
    row = served.signature.inputs[0].shape[1:]
    return 2 * _MOST_LINES * (1 + (_LONGEST_OPEN_ROW if -1 in row else math.prod(row)))


def _lines(body: bytes, most_cells: int) -> list[list[str]]:
    """The lines that are not blank; a body that is far too long is refused before anything is made of it."""
    if not body.strip():
        raise MalformedBody("the body is empty", code="empty_body", expected=_FORM)
    if body.count(b"\n") + body.count(b"\r") > 4 * _MOST_LINES or body.count(b",") > most_cells:
        raise _too_many("more lines or numbers")
    try:
        text = body.decode("utf-8-sig")  # spreadsheets begin with a byte-order mark
    except UnicodeDecodeError:
        given = "bytes that are not UTF-8"
        raise MalformedBody("the body is not CSV", code="not_csv", expected="UTF-8 text", given=given) from None
    try:
        return [line for line in csv.reader(io.StringIO(text, newline=""), strict=True) if line]
    except csv.Error as error:
        raise MalformedBody("the body is not CSV", code="not_csv", expected=_FORM, given=str(error)) from None


def _too_many(given: str) -> InvalidInput:
    return InvalidInput("the number of rows is out of range", expected=f"1 to {MAX_ROWS} rows", given=given)


def _is_name(cell: str) -> bool:
    """Whether a cell can be the name of a column: what is empty or begins like a number is a fault instead."""
    return bool(cell.strip()) and not cell.lstrip().startswith(_BEGINS_A_NUMBER) and _number(cell) is None


def _numbers(line: list[str], index: int) -> list[float]:
    numbers = []
    for column, cell in enumerate(line):
        number = _number(cell)
        if number is None:
            raise InvalidInput(
                f"row {index} holds something else than a number at position {column}",
                expected="a number", given=quote(cell, 32), index=index,
            )  # fmt: skip
        numbers.append(number)
    return numbers


def _number(cell: str) -> float | None:
    try:
        return None if "_" in cell else float(cell)  # Python reads 1_000
    except ValueError:
        return None


def _are_lines(results: list[Any]) -> bool:
    """Whether plain JSON values are objects of the same fields, at least one, all neither objects nor arrays."""
    return all(
        isinstance(each, dict)
        and each
        and each.keys() == results[0].keys()
        and not any(isinstance(value, dict | list) for value in each.values())
        for each in results
    )


def _has_list(value: Any) -> bool:  # noqa: ANN401  # JSON, with arrays
    """Whether a result has a list in it, which has no fixed number of cells; an array has."""
    if isinstance(value, dict):
        return any(map(_has_list, value.values()))
    return isinstance(value, list)


def _names(name: str, value: Any) -> Iterator[str]:  # noqa: ANN401  # JSON, with arrays
    """The names of the cells of a result, each the way to it, such as `probabilities.3`."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _names(f"{name}.{key}" if name else key, each)
    elif np.ndim(value):
        yield from (".".join([name, *map(str, place)]) for place in np.ndindex(np.shape(value)))
    else:
        yield name


def _cells(value: Any) -> Iterator[bytes]:  # noqa: ANN401  # as above
    """The cells of a result in the order of `_names`, those of an array together."""
    if isinstance(value, dict):
        for each in value.values():
            yield from _cells(each)
    elif isinstance(value, str):
        yield _quoted(value).encode()
    elif np.ndim(value):
        yield orjson.dumps(np.ravel(value), option=orjson.OPT_SERIALIZE_NUMPY)[1:-1]
    else:
        yield orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def _line(cells: Iterable[bytes]) -> bytes:
    """A line of cells; it is never blank, because readers pass over blank lines."""
    return b",".join(cells) or b'""'


def _quoted(text: str) -> str:
    """A text as a cell (RFC 4180)."""
    doubled = text.replace('"', '""')
    return f'"{doubled}"' if any(mark in text for mark in '",\r\n') else text
