"""The rows of `plimsoll predict --file`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer
from plimsoll.cli.answering import Facts
from plimsoll.cli.rows_file import of_file

COLUMNS = [{"name": "age", "kind": "number"}, {"name": "home", "kind": "category", "values": ["rent", "own"]}]
NUMBERS = Facts("irises", "1", "tabular-classification")
CREDIT = Facts("credit-risk", "1", "tabular-classification", {"columns": COLUMNS})
SENTIMENT = Facts("sentiment", "1", "text-classification")


def written(folder: Path, name: str, content: str) -> Path:
    (folder / name).write_text(content, encoding="utf-8")
    return folder / name


@pytest.mark.parametrize(
    ("content", "facts", "item", "rows", "places"),
    [
        ("1,2\n3,4.5\n", NUMBERS, "features", [[1, 2], [3, 4.5]], ["line 1", "line 2"]),
        ("\ufeffa,b\n1,2\n\n3,4\n", NUMBERS, "features", [[1, 2], [3, 4]], ["line 2", "line 4"]),
        (
            "home,age,note\nrent,41,x\n,,y\n", CREDIT, "columns",
            [{"home": "rent", "age": 41}, {"home": None, "age": None}], ["line 2", "line 3"],
        ),
        ('id,text\n1,"a, b"\n2,c\n', SENTIMENT, "text", ["a, b", "c"], ["line 2", "line 3"]),
        ("review\ngood\n", SENTIMENT, "text", ["good"], ["line 2"]),
    ],
)  # fmt: skip
def test_csv_becomes_the_rows_that_the_model_takes(
    tmp_path: Path, content: str, facts: Facts, item: str, rows: list[Any], places: list[str]
) -> None:
    made = of_file(written(tmp_path, "rows.csv", content), facts)
    assert made[1:] == (item, rows, places)


@pytest.mark.parametrize(
    ("content", "item", "rows"),
    [
        ("[1, 2]\n\n[3, 4]\n", "features", [[1, 2], [3, 4]]),
        ('"a"\n{"text": "b"}', "text", ["a", "b"]),
        ('{"age": 41}\n{"columns": {"age": 42}}', "columns", [{"age": 41}, {"age": 42}]),
        ('{"inputs": {"x": [1]}}', "inputs", [{"x": [1]}]),
    ],
)
def test_each_line_of_json_is_a_row(tmp_path: Path, content: str, item: str, rows: list[Any]) -> None:
    assert of_file(written(tmp_path, "rows.jsonl", content), NUMBERS)[1:3] == (item, rows)


def test_the_body_of_a_request_is_read_from_json(tmp_path: Path) -> None:
    assert of_file(written(tmp_path, "body.json", '{"text": "a"}'), SENTIMENT).rows == ["a"]


@pytest.mark.parametrize(
    ("name", "content", "facts", "sentence"),
    [
        ("rows.txt", "", NUMBERS, "another ending than .csv, .jsonl and .json"),
        ("rows.csv", "", NUMBERS, "is empty"),
        ("rows.csv", "a,b\n", NUMBERS, "holds no rows"),
        ("rows.csv", "a,b\n1\n", NUMBERS, "line 2 of --file rows.csv has 1 cells, and the first line names 2"),
        ("rows.csv", "a,b\n1,x\n", NUMBERS, "line 2 of --file rows.csv holds 'x', and a number is expected"),
        ("rows.csv", 'a,b\n"1,2\n', NUMBERS, "is not CSV"),
        ("rows.csv", "a,b\n1,2\n", CREDIT, "has none of the columns of model credit-risk: age, home"),
        ("rows.csv", "a,b\n1,2\n", SENTIMENT, "has no column named 'text'"),
        ("rows.jsonl", "\n", NUMBERS, "holds no rows"),
        ("rows.jsonl", "[1]\n{", NUMBERS, "line 2 of --file rows.jsonl is not JSON"),
        ("rows.jsonl", '[1]\n"a"', NUMBERS, "line 2 of --file rows.jsonl is of another kind.*features and text"),
        ("rows.jsonl", "5", NUMBERS, "line 1 of --file rows.jsonl should be a row"),
    ],
)
def test_a_file_without_rows_says_what_is_wrong(
    tmp_path: Path, name: str, content: str, facts: Facts, sentence: str
) -> None:
    with pytest.raises(typer.BadParameter, match=sentence):
        of_file(written(tmp_path, name, content), facts)


def test_a_file_that_is_no_text_or_has_too_many_rows_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rows.csv").write_bytes(b"\xff\xfe")
    with pytest.raises(typer.BadParameter, match="is not UTF-8 text"):
        of_file(tmp_path / "rows.csv", NUMBERS)
    monkeypatch.setattr("plimsoll.cli.rows_file._MOST_ROWS", 1)
    with pytest.raises(typer.BadParameter, match="has 2 rows, and 1 is the most"):
        of_file(written(tmp_path, "rows.csv", "1,2\n3,4\n"), NUMBERS)
