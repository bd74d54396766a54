"""Makes the rows of a predict request from the options of the command line."""

from __future__ import annotations

import base64
import json
import math
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import typer

from plimsoll.cli.answering import Facts, Refused
from plimsoll.cli.json_options import read_json
from plimsoll.fronts.glyph_image import read_glyph
from plimsoll.quoting import quote

_MOST_BYTES = 64 << 20
"""Of one picture or file of rows; a server reads less."""
_WHOLE = re.compile(r"-?[0-9]{1,15}")
_STDIN = "-"
_LONGEST_PLACE = 48


class Input(NamedTuple):
    """Rows of one request or more: `item` is the field of a body that holds one of them.

    `places` are words for each row, and `option` is what the command line calls them.
    """

    option: str
    item: str
    rows: list[Any]
    places: list[str]


def of_texts(texts: Sequence[str]) -> Input:
    """The texts of `--text`; one of them may be `-`, which is standard input."""
    if texts.count(_STDIN) > 1:
        raise typer.BadParameter("--text - can be given once, because standard input can be read once")
    read = [sys.stdin.read().removesuffix("\n") if text == _STDIN else text for text in texts]
    return Input("--text", "text", list(read), [shortened(text) for text in read])


def of_images(images: Sequence[Path], facts: Facts) -> Input:
    """The pictures of `--image`, as the model takes them: as the rows of numbers that they become, or as they are.

    Raises:
        OperatorError: a file is no picture.
        Refused: the model takes rows of numbers, and does not say how a picture becomes one.
    """
    places = [image.name for image in images]
    if facts.preprocessing is not None:
        steps = facts.preprocessing
        rows = [read_glyph(read_bytes(image, "--image"), steps).tolist() for image in images]
        return Input("--image", "features", rows, places)
    if facts.task.startswith("tabular-"):
        raise Refused("", f"model {facts.name} does not say how a picture becomes a row; use --row")
    encoded = [base64.b64encode(read_bytes(image, "--image")).decode() for image in images]
    return Input("--image", "image", list(encoded), places)


def of_rows(rows: Sequence[str]) -> Input:
    """The rows of numbers of `--row`.

    Raises:
        BadParameter: one is no row of numbers, or a file that cannot be read.
    """
    if rows.count(_STDIN) > 1:
        raise typer.BadParameter("--row - can be given once, because standard input can be read once")
    read = [_read_row(row) for row in rows]
    return Input("--row", "features", list(read), [f"row {number}" for number in range(1, len(read) + 1)])


def of_columns(columns: Sequence[str], facts: Facts) -> Input:
    """The row that the values of `--column` make up.

    Raises:
        BadParameter: a value has no name, or one that was given before.
    """
    row: dict[str, Any] = {}
    for given in columns:
        name, found, value = given.partition("=")
        if not found or not name:
            raise typer.BadParameter(f"--column {quote(given)} should be NAME=VALUE, such as age=41")
        if name in row:
            raise typer.BadParameter(f"--column gives {quote(name)} twice; a row has one value for each column")
        row[name] = cell_value(value, columns_of(facts).get(name))
    return Input("--column", "columns", [row], ["row 1"])


def columns_of(facts: Facts) -> Mapping[str, Mapping[str, Any]]:
    """The columns that the manifest names, by their names; empty where it names none."""
    listed = facts.options.get("columns")
    named = listed if isinstance(listed, list) else []
    return {str(each["name"]): each for each in named if isinstance(each, dict) and "name" in each}


def cell_value(cell: str, column: Mapping[str, Any] | None) -> Any:  # noqa: ANN401  # a JSON value
    """The JSON value of a text: a number where the column is one, or where nobody says and it looks like one.

    An empty text is a missing value. A number that a column does not take stays a text, which the server explains.
    """
    if not cell.strip():
        return None
    number = number_of(cell)
    values = (column or {}).get("values")
    if isinstance(values, list):
        if not any(isinstance(value, int) for value in values):
            return cell
        return next((value for value in values if str(value) == cell), cell if number is None else number)
    return cell if number is None else number


def number_of(text: str) -> float | None:
    """The finite number of a text; whole ones stay whole. `None` if it is none."""
    if _WHOLE.fullmatch(text.strip()):
        return int(text)
    try:
        number = math.nan if "_" in text else float(text)  # Python reads 1_000
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def read_bytes(file: Path, option: str) -> bytes:
    """The content of a file of the command line.

    Raises:
        BadParameter: it cannot be read, or is larger than what any server reads.
    """
    try:
        with file.open("rb") as opened:
            content = opened.read(_MOST_BYTES + 1)
    except OSError as error:
        raise typer.BadParameter(f"{option} names a file that cannot be read: {error}") from None
    if len(content) > _MOST_BYTES:
        raise typer.BadParameter(f"{option} {file.name} has more than {_MOST_BYTES} bytes, which is the most")
    return content


def shortened(text: str, longest: int = _LONGEST_PLACE) -> str:
    """A text on one line, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def _read_row(row: str) -> list[Any]:
    numbers = [number_of(part) for part in row.split(",")]
    if all(number is not None for number in numbers):
        return numbers
    try:
        text = sys.stdin.read() if row == _STDIN else row if row.lstrip().startswith("[") else _read_text(Path(row))
        document = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise typer.BadParameter(f"--row is not JSON: {error}") from None
    features = document.get("features") if isinstance(document, dict) else document
    if not isinstance(features, list):
        raise typer.BadParameter(
            '--row needs an array of numbers, or an object {"features": [numbers]}; another body is for --file'
        )
    return features


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number of JSON")


def _read_text(path: Path) -> str:
    try:
        return read_bytes(path, "--row").decode()
    except ValueError as error:
        raise typer.BadParameter(f"--row names a file that cannot be read: {error}") from None


def of_body(file: Path) -> Input:
    """The rows of a file with the body of a request.

    Raises:
        BadParameter: it is no JSON object with one row, or with several as `instances`.
    """
    document = read_json(read_bytes(file, "--file"), dict, f"--file {file.name}")
    named = [name for name in document if name != "user"]
    if len(named) != 1:
        raise typer.BadParameter(
            f'--file {file.name} should be the body of a request, with one field such as "features", "text" or '
            f'"instances", and it has {", ".join(map(quote, named[:5])) or "none"}'
        )
    rows = document[named[0]]
    if named == ["instances"] and isinstance(rows, list):
        return Input("--file", "instances", rows, [f"row {number}" for number in range(1, len(rows) + 1)])
    return Input("--file", named[0], [rows], ["row 1"])
