"""The JSON of rows as msgspec reads it. Not compiled: msgspec reads the annotations, which a compiled class has not."""

from __future__ import annotations

from typing import Any

import msgspec

_OTHER = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class RowsOfNumbers(msgspec.Struct, forbid_unknown_fields=True):
    """The fields of a body of rows by position; all are `None` where it is anything else."""

    features: list[float] | None = None
    instances: list[list[float]] | None = None
    user: str | None = None


class NamedRows(msgspec.Struct, forbid_unknown_fields=True):
    """The fields of a body of rows by name; all are `None` where it is anything else."""

    columns: dict[str, Any] | None = None
    instances: list[dict[str, Any]] | None = None
    features: None = None
    user: str | None = None


_numbers_decoder = msgspec.json.Decoder(RowsOfNumbers)
_named_decoder = msgspec.json.Decoder(NamedRows)


def rows_of_numbers(body: bytes) -> RowsOfNumbers:
    """Read a body, right or wrong, as rows by position."""
    try:
        return _numbers_decoder.decode(body)
    except _OTHER:
        return RowsOfNumbers()


def named_rows(body: bytes) -> NamedRows:
    """Read a body, right or wrong, as rows by name."""
    try:
        return _named_decoder.decode(body)
    except _OTHER:
        return NamedRows()
