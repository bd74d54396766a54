"""Reads the rows of `plimsoll predict --file`."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from plimsoll.cli.answering import Facts
from plimsoll.cli.prediction_input import Input, cell_value, columns_of, number_of, of_body, read_bytes
from plimsoll.quoting import quote

ITEMS = ("features", "columns", "text", "image", "inputs", "prompt")
"""The fields of a body that hold one row."""
_MOST_ROWS = 100_000
_LINES = (".jsonl", ".ndjson")
_TEXT_TASKS = ("text-classification", "token-classification", "embeddings")


def of_file(file: Path, facts: Facts) -> Input:
    """The rows of a file, for the model of these facts.

    Raises:
        BadParameter: it has another ending, cannot be read, or holds no rows.
    """
    if file.suffix == ".json":
        return of_body(file)
    if file.suffix not in (".csv", *_LINES):
        raise typer.BadParameter(f"--file {file.name} has another ending than .csv, .jsonl and .json")
    try:
        text = read_bytes(file, "--file").decode("utf-8-sig")  # spreadsheets begin with a byte-order mark
    except UnicodeDecodeError:
        raise typer.BadParameter(f"--file {file.name} is not UTF-8 text") from None
    found = _of_csv(text, file.name, facts) if file.suffix == ".csv" else _of_lines(text, file.name)
    if not found.rows:
        raise typer.BadParameter(f"--file {file.name} holds no rows")
    if len(found.rows) > _MOST_ROWS:
        raise typer.BadParameter(f"--file {file.name} has {len(found.rows)} rows, and {_MOST_ROWS} is the most")
    return found


def _of_lines(text: str, name: str) -> Input:
    rows, places, items = [], [], set[str]()
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        place = f"line {number}"
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise typer.BadParameter(f"{place} of --file {name} is not JSON: {error}") from None
        item, row = _item(value, f"{place} of --file {name}")
        items.add(item)
        if len(items) > 1:
            kinds = " and ".join(sorted(items))
            raise typer.BadParameter(f"{place} of --file {name} is of another kind than the lines before: {kinds}")
        rows.append(row)
        places.append(place)
    return Input("--file", next(iter(items), ""), rows, places)


def _item(value: Any, place: str) -> tuple[str, Any]:  # noqa: ANN401  # JSON
    """The field of a body that holds this row, and the row."""
    if isinstance(value, list):
        return "features", value
    if isinstance(value, str):
        return "text", value
    if not isinstance(value, dict):
        raise typer.BadParameter(
            f"{place} should be a row: an array of numbers, a text in quotes, or an object such as "
            '{"text": "…"} or {"age": 41}'
        )
    if len(value) == 1 and (item := next(iter(value))) in ITEMS:
        return item, value[item]
    return "columns", value


def _of_csv(text: str, name: str, facts: Facts) -> Input:
    cells, places = _cells(text, name)
    names = cells[0]
    if all(number_of(cell) is not None for cell in names):
        return Input("--file", "features", [_numbers(*each, name) for each in zip(cells, places, strict=True)], places)
    lines, places = cells[1:], places[1:]
    for line, place in zip(lines, places, strict=True):
        if len(line) != len(names):
            raise typer.BadParameter(
                f"{place} of --file {name} has {len(line)} cells, and the first line names {len(names)} columns"
            )
    if facts.task in _TEXT_TASKS:
        at = _column_of_text(names, name)
        return Input("--file", "text", [line[at] for line in lines], places)
    if columns := columns_of(facts):
        known = [(at, each, columns[each]) for at, each in enumerate(names) if each in columns]
        if not known:
            raise typer.BadParameter(
                f"--file {name} has none of the columns of model {facts.name}: {', '.join(list(columns)[:8])}"
            )
        rows = [{each: cell_value(line[at], column) for at, each, column in known} for line in lines]
        return Input("--file", "columns", rows, places)
    return Input("--file", "features", [_numbers(*each, name) for each in zip(lines, places, strict=True)], places)


def _cells(text: str, name: str) -> tuple[list[list[str]], list[str]]:
    """The cells of each line that is not empty, and words for the line."""
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    cells, places = [], []
    try:
        for line in lines:
            if line:
                cells.append(line)
                places.append(f"line {lines.line_num}")
    except csv.Error as error:
        raise typer.BadParameter(f"line {lines.line_num} of --file {name} is not CSV: {error}") from None
    if not cells:
        raise typer.BadParameter(f"--file {name} is empty; expected are a line of names and a line for each row")
    return cells, places


def _column_of_text(names: Sequence[str], file: str) -> int:
    if "text" in names:
        return names.index("text")
    if len(names) == 1:
        return 0
    raise typer.BadParameter(f"--file {file} has no column named 'text'; name the column with the texts so")


def _numbers(line: Sequence[str], place: str, file: str) -> list[float]:
    numbers = []
    for cell in line:
        number = number_of(cell)
        if number is None:
            raise typer.BadParameter(f"{place} of --file {file} holds {quote(cell, 32)}, and a number is expected")
        numbers.append(number)
    return numbers
