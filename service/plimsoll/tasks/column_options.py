"""The option `columns` of a manifest: the names and kinds of the columns that make up a row of numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from plimsoll.bundle.record import Record
from plimsoll.errors import BundleError
from plimsoll.inference.payloads import TensorSpec
from plimsoll.inference.tensor_bounds import TensorBounds
from plimsoll.quoting import quote
from plimsoll.tasks.columns import CategoryColumn, Column, ColumnTable, NumberColumn
from plimsoll.validation_faults import Fault, sentence_of

OPTION = "columns"
_MOST_COLUMNS = 4096
_MOST_VALUES = 10_000
_LONGEST_TEXT = 128
_LARGEST_VALUE = 1 << 53
_EXACT_BITS: Mapping[str, int] = {"FP32": 24, "FP64": 53}
"""Whole numbers of so many bits are exact, and an index must be."""


def _good_text(text: str) -> str:
    if not text.isprintable():
        raise ValueError("it should hold printable characters alone")
    if text != text.strip():
        raise ValueError("it should neither begin nor end with a blank")
    return text


def _good_value(value: object) -> str | int:
    if isinstance(value, str) and 0 < len(value) <= _LONGEST_TEXT:
        return _good_text(value)
    if type(value) is int and abs(value) <= _LARGEST_VALUE:
        return value
    raise ValueError(f"a text of 1 to {_LONGEST_TEXT} characters or a whole number is expected")


_Text = Annotated[str, StringConstraints(min_length=1, max_length=_LONGEST_TEXT), AfterValidator(_good_text)]
_Value = Annotated[str | int, PlainValidator(_good_value)]


class _Column(Record):
    model_config = ConfigDict(strict=True)

    name: _Text
    description: Annotated[str, StringConstraints(max_length=500)] = ""
    unit: Annotated[str, StringConstraints(max_length=64)] = ""


class _Number(_Column):
    kind: Literal["number"]
    minimum: float | None = None
    maximum: float | None = None
    missing: float | None = None

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        low = -math.inf if self.minimum is None else self.minimum
        high = math.inf if self.maximum is None else self.maximum
        if low > high:
            raise ValueError(f"the minimum of '{self.name}' lies above its maximum")
        if self.missing is not None and not low <= self.missing <= high:
            raise ValueError(f"a missing '{self.name}' would become {self.missing:g}, which is out of its own bounds")
        return self


class _Category(_Column):
    kind: Literal["category"]
    values: Annotated[list[_Value], Field(min_length=1, max_length=_MOST_VALUES)]
    encoding: Literal["one-hot", "index"] = "one-hot"
    missing: _Value | None = None

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        texts = [str(value) for value in self.values]
        if len(set(texts)) != len(texts):
            twice = next(text for text in texts if texts.count(text) > 1)
            raise ValueError(f"'{self.name}' has the value {quote(twice)} twice, as CSV would write it")
        if self.missing is not None and self.missing not in self.values:
            raise ValueError(f"a missing '{self.name}' would become {self.missing!r}, which is none of its values")
        return self


_Columns = Annotated[
    list[Annotated[_Number | _Category, Field(discriminator="kind")]], Field(min_length=1, max_length=_MOST_COLUMNS)
]
_columns: TypeAdapter[list[_Number | _Category]] = TypeAdapter(_Columns)


def columns_of(spec: TensorSpec, options: Mapping[str, Any]) -> ColumnTable | None:
    """The columns that the options of a task name for rows of this input; `None` where they name none.

    Raises:
        BundleError: with check `task`, when the option is malformed or does not fit the input.
    """
    if OPTION not in options:
        return None
    try:
        records = _columns.validate_python(options[OPTION])
    except ValidationError as error:
        raise _refusal(f"is malformed: {sentence_of(error, _describe)}") from None
    names = [each.name for each in records]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise _refusal(f"names two columns {quote(twice)}")
    columns = [_column_of(each, spec) for each in records]
    _check_width(columns, spec)
    return ColumnTable(tuple(columns))


def _column_of(record: _Number | _Category, spec: TensorSpec) -> Column:
    """The column of a record, which always gives numbers that the input takes."""
    bounds = TensorBounds(spec)
    words = record.description, record.unit
    if isinstance(record, _Category):
        greatest = len(record.values) - 1 if record.encoding == "index" else 1
        if greatest >> _EXACT_BITS[spec.datatype] or not bounds.low <= 0 or not greatest <= bounds.high:
            raise _refusal(
                f"gives numbers from 0 to {greatest} for '{record.name}', and the input '{spec.name}' takes those from "
                f"{bounds.low:g} to {bounds.high:g}"
            )
        return CategoryColumn(
            record.name, *words, tuple(record.values), record.missing, one_hot=record.encoding == "one-hot"
        )
    low = max(bounds.low, *(each for each in (record.minimum, spec.minimum) if each is not None), -math.inf)
    high = min(bounds.high, *(each for each in (record.maximum, spec.maximum) if each is not None), math.inf)
    if low > high or (record.missing is not None and not low <= record.missing <= high):
        raise _refusal(
            f"gives '{record.name}' numbers that the input '{spec.name}' does not take, which are those from "
            f"{bounds.low:g} to {bounds.high:g}"
        )
    return NumberColumn(record.name, *words, low, high, record.missing, bounded=_is_bounded(record, spec))


def _is_bounded(record: _Number, spec: TensorSpec) -> tuple[bool, bool]:
    """Whether anyone has named a minimum and a maximum; every datatype has some."""
    named = (record.minimum, spec.minimum), (record.maximum, spec.maximum)
    return any(each is not None for each in named[0]), any(each is not None for each in named[1])


def _check_width(columns: Sequence[Column], spec: TensorSpec) -> None:
    width = sum(column.width for column in columns)
    if width != spec.shape[1]:
        of_each = ", ".join(f"{quote(column.name)} {column.width}" for column in columns[:8])
        more = f" and {len(columns) - 8} more columns" if len(columns) > 8 else ""  # noqa: PLR2004  # as many as shown
        raise _refusal(
            f"makes rows of {width} numbers, and the input '{spec.name}' takes {spec.shape[1]}; the columns give "
            f"{of_each}{more}"
        )


def _describe(fault: Fault) -> str:
    """A fault by the number of its column, without the kind that pydantic puts into the place."""
    place = ".".join(str(part) for part in fault.location if part not in ("number", "category"))
    return f"{f'column {place}' if place else 'the list'}: {fault.reason}"


def _refusal(fault: str) -> BundleError:
    return BundleError("task", f"the option '{OPTION}' {fault}")
