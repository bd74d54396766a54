"""Reads rows of numbers and their labels from a CSV file with a first line of names."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import typer
from numpy.typing import NDArray

from plimsoll.quoting import quote


def read_csv(
    path: Path, option: str, width: int, labels: Sequence[str]
) -> tuple[NDArray[np.float64], dict[str, list[str]]]:
    """The rows, FP64 of shape [rows, width], and the texts of the columns of labels that the file has.

    Raises:
        typer.BadParameter: the file is empty or no CSV of numbers, or has other columns.
    """
    lines = csv.reader(io.StringIO(_text(path, option), newline=""), strict=True)
    try:
        names = next(lines, [])
        if not any(names):
            raise typer.BadParameter(
                f"{option} {path.name} is empty; expected are a line of names and lines of numbers"
            )
        label_columns, features = _columns(names, path.name, option, width, labels)
        rows, found = [], {names[column]: list[str]() for column in label_columns}
        for line in lines:
            if not line:
                continue
            where = f"line {lines.line_num} of {option} {path.name}"
            if len(line) != len(names):
                raise typer.BadParameter(
                    f"{where} has {len(line)} cells, and the first line names {len(names)} columns"
                )
            rows.append(_numbers(line, names, features, where))
            for column in label_columns:
                if not line[column].strip():
                    raise typer.BadParameter(f"{where} has no label in the column {quote(names[column])}")
                found[names[column]].append(line[column].strip())
    except csv.Error as error:
        raise typer.BadParameter(f"line {lines.line_num} of {option} {path.name} is not CSV: {error}") from None
    return np.array(rows, np.float64).reshape(len(rows), width), found


def _text(path: Path, option: str) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")  # spreadsheets begin with a byte-order mark
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{option} {path.name} is not UTF-8 text") from None


def _columns(
    names: Sequence[str], file: str, option: str, width: int, labels: Sequence[str]
) -> tuple[list[int], list[int]]:
    """The columns of labels, and those of numbers."""
    if all(map(_is_number, names)):
        raise typer.BadParameter(f"{option} {file} has no line of names; the first line should name the columns")
    if twice := next((name for name in labels if names.count(name) > 1), None):
        raise typer.BadParameter(f"{option} {file} has {names.count(twice)} columns named {quote(twice)}")
    label_columns = [names.index(name) for name in labels if name in names]
    features = [column for column in range(len(names)) if column not in label_columns]
    if len(features) != width:
        besides = " and ".join(quote(names[column]) for column in label_columns)
        hint = f" besides {besides}" if besides else f" and no {' or '.join(map(quote, labels))}" if labels else ""
        raise typer.BadParameter(
            f"{option} {file} has {len(features)} columns{hint}, and the model takes {width} numbers a row; --label "
            "names the column of the labels"
        )
    return label_columns, features


def _numbers(line: Sequence[str], names: Sequence[str], features: Sequence[int], where: str) -> NDArray[np.float64]:
    try:
        return np.array([line[column] for column in features], np.float64)
    except ValueError:
        wrong = next(column for column in features if not _is_number(line[column]))
        raise typer.BadParameter(
            f"{where} holds {quote(line[wrong], 32)} in the column {quote(names[wrong], 32)}, and a number is expected"
        ) from None


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
