"""Rows of a tabular task: of numbers by position, and of columns by name where the manifest names them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.errors import ClientError, InvalidInput
from plimsoll.inference.payloads import Signature, Tensors
from plimsoll.inference.ports import Json
from plimsoll.quoting import quote
from plimsoll.tasks import number_faults
from plimsoll.tasks.column_options import columns_of
from plimsoll.tasks.json_faults import BodyForm, OtherForm, explain, kind_of
from plimsoll.tasks.number_rows import NumberRows, RowReader, check_count
from plimsoll.tasks.row_documents import named_rows
from plimsoll.tasks.task_options import Options

COLUMNS = "columns"
"""The field of a body with one row by name."""
_FORM = BodyForm(
    'an object {"columns": {name: value}} for one row, or {"instances": [{name: value}, ...]} for many; or rows of '
    "numbers by position, as 'features' or 'instances'",
    COLUMNS,
    "instances",
    also="features",
)
_LONGEST_CELL = 32
_READING_COST = 8


class TabularRows(RowReader):
    """The half of a tabular `Task` that takes rows; they have names where the option `columns` gives them.

    Raises:
        BundleError: with check `task`, when the option is malformed or does not fit the signature.
    """

    def __init__(self, signature: Signature, options: Options) -> None:
        super().__init__(signature)
        self.columns = columns_of(self.spec, options)
        if self.columns is not None:
            self.item = COLUMNS
            self.reading_cost = _READING_COST

    def __eq__(self, other: object) -> bool:
        """Whether every body means the same question to both."""
        return super().__eq__(other) and isinstance(other, TabularRows) and self.columns == other.columns

    def __hash__(self) -> int:
        return super().__hash__()

    def other_rows(self, body: bytes) -> NumberRows:
        """Rows of columns by name."""
        if self.columns is None:
            return super().other_rows(body)
        parsed = named_rows(body)
        if parsed.columns is not None and parsed.instances is None:
            return self._named([parsed.columns], parsed.user, single=True)
        if parsed.instances is not None and parsed.columns is None:
            check_count(len(parsed.instances))
            return self._named(parsed.instances, parsed.user, single=False)
        raise self._explain(body)

    def names_columns(self, cells: Sequence[str], *, all_names: bool) -> bool:
        """Whether the first line of CSV names the columns of this task: one cell does, or all cells are some names."""
        if self.columns is None:
            return False
        return all_names or any(cell.strip() in self.columns.names for cell in cells)

    def of_cells(self, names: Sequence[str], lines: Sequence[Sequence[str]]) -> NumberRows:
        """Rows of CSV under a line of names, which may have any order; an empty cell is a missing value.

        Raises:
            InvalidInput: a column is unknown, missing or there twice, a line has another length, or a value is wrong.
        """
        assert self.columns is not None  # noqa: S101  # only then there are names
        names = [name.strip() for name in names]
        seen: set[str] = set()
        for name in names:
            if name not in self.columns.names:
                raise self.columns.unknown(name)
            if name in seen:
                raise InvalidInput(f"the column {quote(name, _LONGEST_CELL)} is there twice", expected="each name once")
            seen.add(name)
        check_count(len(lines))
        for index, line in enumerate(lines):
            if len(line) != len(names):
                raise InvalidInput(
                    f"row {index} has another number of cells than the line of names",
                    expected=f"{len(names)} cells", given=f"{len(line)} cells", index=index,
                )  # fmt: skip
        return self._named([self.columns.of_cells(names, line) for line in lines], None, single=False)

    def example_row(self, inputs: Tensors) -> Any:  # noqa: ANN401  # JSON
        """The row of this input; of a model with columns, by their names."""
        row: NDArray[Any] = super().example_row(inputs)
        return row if self.columns is None else self.columns.example(row)

    def row_schema(self) -> Json:
        """The JSON schema of a row."""
        by_position = super().row_schema()
        if self.columns is None:
            return by_position
        described = f"Columns by name. A row by position is read as well, as 'features': {by_position['description']}"
        return {**self.columns.schema(), "description": described}

    def _named(self, rows: Sequence[Mapping[str, Any]], user: str | None, *, single: bool) -> NumberRows:
        assert self.columns is not None  # noqa: S101  # only then there are names
        numbers = [self.columns.numbers(row, None if single else index) for index, row in enumerate(rows)]
        return NumberRows(self, np.array(numbers, np.float64), user, single=single)

    def _explain(self, body: bytes) -> ClientError:
        """The error for a body that is wrong by name; one of numbers by position is explained as such."""
        by_position = OtherForm(_is_by_position, number_faults.FORM, partial(number_faults.fault_of_row, self.width))
        return explain(body, _FORM, self._fault_of_row, by_position)

    def _fault_of_row(self, row: object, index: int | None) -> InvalidInput | None:
        if isinstance(row, dict) and self.columns is not None:
            try:
                self.columns.numbers(row, index)
            except InvalidInput as error:
                return error
            return None
        where = f"'{COLUMNS}'" if index is None else f"row {index} of instances"
        expected = "an object that names the columns"
        return InvalidInput(f"{where} has the wrong type", expected=expected, given=kind_of(row), index=index)


def _is_by_position(document: object) -> bool:
    if not isinstance(document, dict) or document.get(COLUMNS) is not None:
        return False
    rows = document.get("instances")
    return document.get("features") is not None or (
        isinstance(rows, list) and any(isinstance(row, list) for row in rows[:1])
    )
