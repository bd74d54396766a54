"""Reads rows of numbers or of named columns, and their labels, from a CSV file with a first line of names."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
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
    file = _File(path, option, labels)
    file.check_width(width, labels)
    rows = [_numbers(line, file.names, file.features, where) for where, line in file.lines()]
    return np.array(rows, np.float64).reshape(len(rows), width), file.found


def read_named_csv(
    path: Path, option: str, columns: Collection[str], labels: Sequence[str]
) -> tuple[list[str], list[list[str]], dict[str, list[str]]] | None:
    """The names of the columns, the cells of each row, and the labels as above; `None` if none of `columns` is named.

    Raises:
        typer.BadParameter: the file is empty or no CSV.
    """
    file = _File(path, option, labels)
    names = [file.names[column].strip() for column in file.features]
    if not set(columns) & set(names):
        return None
    return names, [[line[column] for column in file.features] for _, line in file.lines()], file.found


class _File:
    """A file with a line of names: the columns of labels, and the `features`, which are all others."""

    def __init__(self, path: Path, option: str, labels: Sequence[str]) -> None:
        self._title = f"{option} {path.name}"
        self._reader = csv.reader(io.StringIO(_text(path, option), newline=""), strict=True)
        with self._complaints():
            self.names = next(self._reader, [])
        if not any(self.names):
            raise typer.BadParameter(f"{self._title} is empty; expected are a line of names and lines of numbers")
        if all(map(_is_number, self.names)):
            raise typer.BadParameter(f"{self._title} has no line of names; the first line should name the columns")
        if twice := next((name for name in labels if self.names.count(name) > 1), None):
            raise typer.BadParameter(f"{self._title} has {self.names.count(twice)} columns named {quote(twice)}")
        self._label_columns = [self.names.index(name) for name in labels if name in self.names]
        self.features = [column for column in range(len(self.names)) if column not in self._label_columns]
        self.found: dict[str, list[str]] = {self.names[column]: [] for column in self._label_columns}

    def check_width(self, width: int, labels: Sequence[str]) -> None:
        """Refuse a file with another number of features."""
        if len(self.features) != width:
            besides = " and ".join(quote(name) for name in self.found)
            hint = f" besides {besides}" if besides else f" and no {' or '.join(map(quote, labels))}" if labels else ""
            raise typer.BadParameter(
                f"{self._title} has {len(self.features)} columns{hint}, and the model takes {width} numbers a row; "
                "--label names the column of the labels"
            )

    def lines(self) -> Iterator[tuple[str, list[str]]]:
        """The lines that are not blank, each with the words for its place; their labels go to `found`."""
        with self._complaints():
            for line in self._reader:
                if not line:
                    continue
                where = f"line {self._reader.line_num} of {self._title}"
                if len(line) != len(self.names):
                    raise typer.BadParameter(
                        f"{where} has {len(line)} cells, and the first line names {len(self.names)} columns"
                    )
                for column in self._label_columns:
                    if not line[column].strip():
                        raise typer.BadParameter(f"{where} has no label in the column {quote(self.names[column])}")
                    self.found[self.names[column]].append(line[column].strip())
                yield where, line

    @contextmanager
    def _complaints(self) -> Iterator[None]:
        try:
            yield
        except csv.Error as error:
            raise typer.BadParameter(f"line {self._reader.line_num} of {self._title} is not CSV: {error}") from None


def _text(path: Path, option: str) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")  # spreadsheets begin with a byte-order mark
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{option} {path.name} is not UTF-8 text") from None


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
