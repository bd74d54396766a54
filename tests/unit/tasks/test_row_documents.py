"""The JSON of rows: what fits is read, and whatever does not is left to those who explain it."""

from __future__ import annotations

import pytest
from plimsoll.tasks.row_documents import NamedRows, RowsOfNumbers, named_rows, rows_of_numbers


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"features": [1, 2.5]}', RowsOfNumbers(features=[1.0, 2.5])),
        (b'{"instances": [[1], []], "user": "ann"}', RowsOfNumbers(instances=[[1.0], []], user="ann")),
        (b'{"f\\u0065atures": [1]}', RowsOfNumbers(features=[1.0])),
    ],
)
def test_rows_by_position_are_read(body: bytes, expected: RowsOfNumbers) -> None:
    assert rows_of_numbers(body) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"columns": {"age": 3, "job": null}}', NamedRows(columns={"age": 3, "job": None})),
        (b'{"instances": [{"age": 3}], "user": "ann"}', NamedRows(instances=[{"age": 3}], user="ann")),
    ],
)
def test_rows_by_name_are_read(body: bytes, expected: NamedRows) -> None:
    assert named_rows(body) == expected


@pytest.mark.parametrize(
    "body",
    [
        b"", b"no json", b"[1]",
        b'{"features": ["1"]}', b'{"rows": [1]}', b'{"features": [1]', b'\xff{"features": [1]}',
        b'{"columns": []}', b'{"instances": [1]}', b'{"features": ' + b"[" * 100_000,
    ],
)  # fmt: skip
def test_anything_else_has_no_fields(body: bytes) -> None:
    assert rows_of_numbers(body) == RowsOfNumbers()
    assert named_rows(body) == NamedRows()
