"""Rows of named columns, as rows of numbers: numbers stay, and categories become one-hot or an index."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Literal

from numpy.typing import NDArray

from plimsoll.errors import InvalidInput
from plimsoll.inference.ports import Json
from plimsoll.quoting import quote
from plimsoll.tasks.json_faults import kind_of

_MOST_SHOWN = 8
_LONGEST_SHOWN = 40
_LONGEST_CELL = 32
_ABSENT = object()
Code = tuple[int, float]
"""The number that a value becomes, and its place among the numbers of its column; the others are 0."""


@dataclass(frozen=True, slots=True)
class NumberColumn:
    """A column of one number; a missing value becomes `missing`, or is refused where that is `None`.

    `bounded` says whether minimum and maximum are named, or only those of the datatype.
    """

    name: str
    description: str
    unit: str
    low: float
    high: float
    missing: float | None
    bounded: tuple[bool, bool]
    width: Literal[1] = 1

    @property
    def expected(self) -> str:
        """The values that it takes, in words."""
        low, high = self.bounded
        unit = f" ({self.unit})" if self.unit else ""
        if low and high:
            return f"a number from {self.low:g} to {self.high:g}{unit}"
        if low or high:
            return f"a number {f'from {self.low:g} on' if low else f'up to {self.high:g}'}{unit}"
        return f"a finite number{unit}"

    def code(self, value: Any, index: int | None) -> Code:  # noqa: ANN401  # a JSON value
        """The number itself; a missing one becomes what the rule says.

        Raises:
            InvalidInput: it is no number, or out of bounds; `index` names the row.
        """
        if type(value) is float or type(value) is int:
            if self.low <= value <= self.high:  # exact for whole numbers of any length, and false for NaN
                return 0, float(value)
            raise self._out_of_bounds(value, index)
        if value is None or value is _ABSENT:
            if self.missing is not None:
                return 0, self.missing
            raise _missing(self, value, index)
        raise wrong_type(self, value, index)

    def of_text(self, cell: str) -> Any:  # noqa: ANN401  # a JSON value
        """The JSON value that a cell of CSV stands for; a text that is no number stays one."""
        try:
            return cell if "_" in cell else float(cell)  # Python reads 1_000
        except ValueError:
            return cell

    def example(self, numbers: NDArray[Any]) -> float:
        """A value for the numbers of a row, with no more digits than their datatype has."""
        return min(max(float(str(numbers[0])), self.low), self.high)

    def schema(self) -> Json:
        """The JSON schema of a value."""
        bounds = {"minimum": self.low, "maximum": self.high}
        named = {name: bound for (name, bound), has in zip(bounds.items(), self.bounded, strict=True) if has}
        return {"type": _or_null("number", self), **named, **_described(self)}

    def _out_of_bounds(self, value: float, index: int | None) -> InvalidInput:
        number = _as_float(value)
        if math.isnan(number):
            return InvalidInput(f"{_the(self)} is not a number (NaN)", expected=self.expected, given="NaN", index=index)
        if math.isinf(number):
            given = "a number too large for a float"
            return InvalidInput(f"{_the(self)} is beyond every range", expected=self.expected, given=given, index=index)
        expected = (
            self.expected
            if (number < self.low and self.bounded[0]) or (number > self.high and self.bounded[1])
            else (f"a number from {self.low:g} to {self.high:g}")
        )
        return InvalidInput(f"{_the(self)} is out of bounds", expected=expected, given=f"{number:g}", index=index)


@dataclass(frozen=True, slots=True)
class CategoryColumn:
    """A column of one of some values: as a number for each, all 0 but that of the value, or as the value's index."""

    name: str
    description: str
    unit: str
    values: tuple[str | int, ...]
    missing: str | int | None
    one_hot: bool = field(kw_only=True)
    width: int = field(init=False)
    _codes: dict[str | int, Code] = field(init=False, repr=False, compare=False)
    _by_text: dict[str, str | int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        codes = [(at, 1.0) if self.one_hot else (0, float(at)) for at in range(len(self.values))]
        object.__setattr__(self, "width", len(self.values) if self.one_hot else 1)
        object.__setattr__(self, "_codes", dict(zip(self.values, codes, strict=True)))
        object.__setattr__(self, "_by_text", {str(value): value for value in self.values})

    @property
    def expected(self) -> str:
        """The values that it takes, in words; only the first of many."""
        shown = [
            quote(value, _LONGEST_SHOWN) if isinstance(value, str) else str(value) for value in self.values
        ][:_MOST_SHOWN]  # fmt: skip
        more = len(self.values) - len(shown)
        return f"one of {', '.join(shown)}{f' and {more} more' if more else ''}"

    def code(self, value: Any, index: int | None) -> Code:  # noqa: ANN401  # a JSON value
        """The number that stands for the category; a missing one becomes what the rule says.

        Raises:
            InvalidInput: it is none of the values; `index` names the row.
        """
        if type(value) is str or type(value) is int or type(value) is float:
            found = self._codes.get(value)  # type: ignore[arg-type]  # 1.0 is 1 in JSON
            if found is not None:
                return found
            raise self._never_seen(value, index)
        if value is None or value is _ABSENT:
            if self.missing is not None:
                return self._codes[self.missing]
            raise _missing(self, value, index)
        raise wrong_type(self, value, index)

    def of_text(self, cell: str) -> Any:  # noqa: ANN401  # a JSON value
        """The JSON value that a cell of CSV stands for."""
        return self._by_text.get(cell, cell)

    def example(self, numbers: NDArray[Any]) -> str | int:
        """A value for the numbers of a row."""
        last = len(self.values) - 1
        return self.values[int(numbers.argmax()) if self.one_hot else min(max(round(float(numbers[0])), 0), last)]

    def schema(self) -> Json:
        """The JSON schema of a value."""
        optional = [] if self.missing is None else [None]
        return {"enum": [*self.values, *optional], **_described(self)}

    def _never_seen(self, value: str | float, index: int | None) -> InvalidInput:
        if not any(isinstance(each, str) == isinstance(value, str) for each in self.values):
            return wrong_type(self, value, index)
        given = quote(value, _LONGEST_CELL) if isinstance(value, str) else f"{_as_float(value):g}"
        return InvalidInput(
            f"{_the(self)} has a category that this model does not know", expected=self.expected, given=given,
            index=index,
        )  # fmt: skip


Column = NumberColumn | CategoryColumn


@dataclass(frozen=True, slots=True)
class ColumnTable:
    """The columns of a row, in the order of its numbers."""

    columns: tuple[Column, ...]
    width: int = field(init=False)
    names: frozenset[str] = field(init=False, repr=False, compare=False)
    _placed: tuple[tuple[Column, int], ...] = field(init=False, repr=False, compare=False)
    _by_name: Mapping[str, Column] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        ends = list(accumulate(column.width for column in self.columns))
        starts = [0, *ends[:-1]]
        object.__setattr__(self, "width", ends[-1])
        object.__setattr__(self, "names", frozenset(column.name for column in self.columns))
        object.__setattr__(self, "_by_name", {column.name: column for column in self.columns})
        object.__setattr__(self, "_placed", tuple(zip(self.columns, starts, strict=True)))

    @property
    def listed(self) -> str:
        """The first names, for a message."""
        names = [quote(column.name, _LONGEST_SHOWN) for column in self.columns[:_MOST_SHOWN]]
        more = len(self.columns) - len(names)
        return f"{', '.join(names)}{f' and {more} more' if more else ''}"

    def numbers(self, row: Mapping[str, Any], index: int | None) -> list[float]:
        """The numbers of a row of columns by name.

        Raises:
            InvalidInput: a column is unknown, missing or of the wrong type, or its value is; `index` names the row.
        """
        if not row.keys() <= self.names:
            raise self.unknown(next(name for name in row if name not in self.names), index)
        numbers = [0.0] * self.width
        for column, start in self._placed:
            place, number = column.code(row.get(column.name, _ABSENT), index)
            numbers[start + place] = number
        return numbers

    def unknown(self, name: str, index: int | None = None) -> InvalidInput:
        """The error for a column that the model does not have."""
        return InvalidInput(
            f"unknown column {quote(name, _LONGEST_CELL)}", expected=f"the columns {self.listed}", index=index
        )

    def example(self, row: NDArray[Any]) -> dict[str, Any]:
        """A row of columns for a row of numbers; its values are always allowed."""
        return {column.name: column.example(row[start : start + column.width]) for column, start in self._placed}

    def schema(self) -> Json:
        """The JSON schema of a row."""
        return {
            "type": "object",
            "properties": {column.name: column.schema() for column in self.columns},
            "required": [column.name for column in self.columns if column.missing is None],
            "additionalProperties": False,
        }

    def of_cells(self, names: Sequence[str], line: Sequence[str]) -> dict[str, Any]:
        """The JSON values of a line of CSV under these names; an empty cell is a missing value."""
        texts = {name: cell.strip() for name, cell in zip(names, line, strict=True)}
        return {name: self._by_name[name].of_text(text) if text else None for name, text in texts.items()}


def wrong_type(column: Column, value: object, index: int | None) -> InvalidInput:
    """The error for a value of another type than the column takes."""
    return InvalidInput(
        f"{_the(column)} has the wrong type", expected=column.expected, given=kind_of(value), index=index
    )


def _missing(column: Column, value: object, index: int | None) -> InvalidInput:
    if value is _ABSENT:
        return InvalidInput(f"{_the(column)} is missing", expected=column.expected, index=index)
    return InvalidInput(
        f"{_the(column)} has no value, and this model has no rule for a missing one",
        expected=column.expected, given="null, or an empty cell", index=index,
    )  # fmt: skip


def _the(column: Column) -> str:
    return f"the column {quote(column.name, _LONGEST_SHOWN)}"


def _or_null(kind: str, column: Column) -> str | list[str]:
    return kind if column.missing is None else [kind, "null"]


def _described(column: Column) -> Json:
    """The description of a column with its unit, and what a missing value becomes."""
    unit = f"In {column.unit}." if column.unit else ""
    missing = "" if column.missing is None else f"A missing value becomes {column.missing!r}."
    text = " ".join(filter(None, (column.description, unit, missing)))
    return {"description": text} if text else {}


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf
