"""/v1 in CSV: reads one row of numbers a line; writes a header line and one line for each row."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from plimsoll.errors import InvalidInput, MalformedBody
from plimsoll.fronts.v1_json import VERSION_HEADER, V1Json
from plimsoll.inference.call import Call
from plimsoll.inference.payloads import Answer
from plimsoll.inference.ports import Json, Question, Reply
from plimsoll.inference.served_version import ServedVersion
from plimsoll.quoting import quote
from plimsoll.tasks.number_rows import MAX_ROWS, check_count, wrong_length

_FORM = "lines of numbers separated by commas, and perhaps a first line of names, none of which is a number"
_MOST_LINES = MAX_ROWS + 1


class V1Csv(V1Json):
    """Implements `Front`; only its bodies differ from `V1Json`, and its errors are the same JSON."""

    media_type = "text/csv"

    def read(self, body: bytes, served: ServedVersion) -> Question:
        """Parse rows into a question; a first line without any number is a header line.

        Raises:
            MalformedBody: the body is empty or not UTF-8 text.
            InvalidInput: a cell is not a number, rows differ in length, or there are too many rows.
            UnsupportedMediaType: the task of the model takes no rows of numbers.
        """
        lines = _lines(body)
        rows = [_numbers(line) for line in lines]
        names = lines[0] if rows and not any(cell is not None for cell in rows[0]) else None
        if names is not None:
            del lines[0], rows[0]
        check_count(len(rows))
        width = len(names or rows[0])
        for index, (line, row) in enumerate(zip(lines, rows, strict=True)):
            if len(row) != width:
                raise wrong_length(width, len(row), index)
            if None in row:
                column = row.index(None)
                raise InvalidInput(
                    f"row {index} holds something else than a number at position {column}",
                    expected="a number", given=quote(line[column], 32), index=index,
                )  # fmt: skip
        return served.task.of_rows(np.array(rows, np.float64))

    def reply(self, call: Call, served: ServedVersion, answer: Answer) -> Reply:
        """One line for each row; a header field holds the version."""
        del call
        results = [dict(_flat("", result)) for result in served.task.results(answer.outputs)]
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, results[0])
        writer.writeheader()
        writer.writerows(results)
        content = text.getvalue().encode()
        headers = [
            (b"content-type", b"text/csv; charset=utf-8; header=present"),
            (b"content-length", b"%d" % len(content)),
            (VERSION_HEADER.encode(), answer.version.encode()),
        ]
        return Reply(200, headers, content)

    def body_content(self, item: str, row: Json, examples: Json) -> Json:
        """Text, for every model."""
        del item, row, examples
        return {"schema": {"type": "string", "description": f"{_FORM[0].upper()}{_FORM[1:]}; at most {MAX_ROWS} rows."}}

    def answer_content(self) -> Json:
        """Text, with a header line."""
        return {"schema": {"type": "string", "description": "A line of names, and a line for each row."}}


def _lines(body: bytes) -> list[list[str]]:
    if not body.strip():
        raise MalformedBody("the body is empty", code="empty_body", expected=_FORM)
    if body.count(b"\n") > 2 * _MOST_LINES:  # allows a blank line after each
        raise InvalidInput("the number of rows is out of range", expected=f"1 to {MAX_ROWS} rows", given="more lines")
    try:
        text = body.decode("utf-8-sig")  # spreadsheets begin with a byte-order mark
    except UnicodeDecodeError:
        given = "bytes that are not UTF-8"
        raise MalformedBody("the body is not CSV", code="not_csv", expected="UTF-8 text", given=given) from None
    try:
        return [line for line in csv.reader(io.StringIO(text, newline=""), strict=True) if line]
    except csv.Error as error:
        raise MalformedBody("the body is not CSV", code="not_csv", expected=_FORM, given=str(error)) from None


def _numbers(line: list[str]) -> list[float | None]:
    return [_number(cell) for cell in line]


def _number(cell: str) -> float | None:
    try:
        return None if "_" in cell else float(cell)  # Python accepts 1_000
    except ValueError:
        return None


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401  # JSON, with arrays
    """The cells of a result, each named by its path, such as `probabilities.3`."""
    inner: Iterable[tuple[str, Any]]
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list | np.ndarray) and np.ndim(value):
        inner = ((str(index), each) for index, each in enumerate(value))
    else:
        yield name, str(value) if isinstance(value, np.generic) else value
        return
    for key, each in inner:
        yield from _flat(f"{name}.{key}" if name else key, each)
