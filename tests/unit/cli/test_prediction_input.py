"""The rows that the options of `plimsoll predict` make up."""

from __future__ import annotations

import base64
import io
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from plimsoll.cli.answering import Facts, Refused
from plimsoll.cli.prediction_input import (
    cell_value,
    number_of,
    of_body,
    of_columns,
    of_images,
    of_rows,
    of_texts,
    read_bytes,
    shortened,
)

COLUMNS = [{"name": "age", "kind": "number"}, {"name": "home", "kind": "category", "values": ["rent", "own", 5]}]
CREDIT = Facts("credit-risk", "1", "tabular-classification", {"columns": COLUMNS})


def refused(sentence: str) -> pytest.RaisesExc[typer.BadParameter]:
    return pytest.raises(typer.BadParameter, match=sentence)


def test_texts_are_sent_as_they_are_and_one_may_come_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("from\nthere\n"))
    assert of_texts(["a", "-"])[1:] == ("text", ["a", "from\nthere"], ["a", "from there"])
    with refused("--text - can be given once"):
        of_texts(["-", "-"])


@pytest.mark.parametrize(
    ("row", "numbers"),
    [("1,2.5,-3", [1, 2.5, -3]), ("7", [7]), (" 1, 2 ", [1, 2]), ("[1, 2e3]", [1, 2e3]), ("1e3,0.5", [1e3, 0.5])],
)
def test_a_row_is_numbers_with_commas_or_json(row: str, numbers: list[float]) -> None:
    assert of_rows([row]).rows == [numbers]


def test_several_rows_are_counted() -> None:
    assert of_rows(["1,2", "[3,4]"])[1:] == ("features", [[1, 2], [3, 4]], ["row 1", "row 2"])
    with refused("--row - can be given once"):
        of_rows(["-", "-"])


@pytest.mark.parametrize("row", ["1,nan", "1,inf", "1,,2", "1;2", "1_000,2"])
def test_words_that_are_no_numbers_are_taken_for_a_file(row: str) -> None:
    with refused("--row names a file that cannot be read"):
        of_rows([row])


def test_columns_have_the_types_that_the_manifest_says() -> None:
    row = of_columns(["age=41", "home=5", "other=x=y"], CREDIT).rows[0]
    assert row == {"age": 41, "home": 5, "other": "x=y"}
    assert of_columns(["age=", "home=yurt"], CREDIT).rows[0] == {"age": None, "home": "yurt"}
    assert of_columns(["age=41", "zip=007x"], Facts("any", "1")).rows[0] == {"age": 41, "zip": "007x"}


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [(["age"], "'age' should be NAME=VALUE"), (["=4"], "should be NAME=VALUE"), (["a=1", "a=2"], "gives 'a' twice")],
)
def test_a_column_without_a_name_or_given_twice_is_refused(columns: list[str], sentence: str) -> None:
    with refused(sentence):
        of_columns(columns, CREDIT)


@pytest.mark.parametrize(
    ("cell", "column", "value"),
    [
        ("", None, None),
        ("  ", COLUMNS[0], None),
        ("old", COLUMNS[0], "old"),
        ("5", COLUMNS[1], 5),
        ("5", None, 5),
        ("6", COLUMNS[1], 6),
        ("own", COLUMNS[1], "own"),
        ("6", {"values": ["5", "rent"]}, "6"),
    ],
)
def test_a_cell_becomes_the_value_that_it_stands_for(cell: str, column: dict[str, Any] | None, value: object) -> None:
    assert cell_value(cell, column) == value


def test_whole_numbers_stay_whole() -> None:
    assert [number_of(text) for text in ("41", "41.0", "1e2", "x", "")] == [41, 41.0, 100.0, None, None]
    assert isinstance(number_of("41"), int)


def test_pictures_are_sent_as_they_are_to_models_of_pictures(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"picture")
    made = of_images([tmp_path / "a.png"], Facts("garments", "1", "image-classification"))
    assert made[1:] == ("image", [base64.b64encode(b"picture").decode()], ["a.png"])
    with pytest.raises(Refused, match="does not say how a picture becomes a row"):
        of_images([tmp_path / "a.png"], CREDIT)


def test_a_body_has_one_field_with_a_row_or_several_instances(tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    body.write_text('{"inputs": {"x": [1]}, "user": "me"}')
    assert of_body(body)[1:3] == ("inputs", [{"x": [1]}])
    body.write_text('{"instances": ["a", "b"]}')
    assert of_body(body)[1:] == ("instances", ["a", "b"], ["row 1", "row 2"])
    for text, sentence in (("{}", "and it has none"), ('{"a": 1, "b": 2}', "'a', 'b'"), ("[1]", "JSON object")):
        body.write_text(text)
        with refused(sentence):
            of_body(body)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with refused("--file names a file that cannot be read"):
        read_bytes(tmp_path, "--file")
    monkeypatch.setattr("plimsoll.cli.prediction_input._MOST_BYTES", 3)
    (tmp_path / "long").write_bytes(b"1234")
    with refused("--file long has more than 3 bytes"):
        read_bytes(tmp_path / "long", "--file")


def test_a_long_text_is_shortened_to_one_line() -> None:
    assert shortened("a\n b  c") == "a b c"
    assert shortened("x" * 50, 10) == "xxxxxxxxx…"
