from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import typer
from plimsoll.cli.evaluation_csv import read_csv


def read(folder: Path, content: str | bytes, labels: tuple[str, ...] = ("label", "labels")) -> object:
    file = folder / "rows.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_csv(file, "--evaluate", 2, labels)


def test_the_columns_are_numbers_in_their_order_and_one_of_labels_anywhere(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(b'\xef\xbb\xbfage,label,income\r\n1,"a, b",2.5\r\n\r\n3e2, c ,-4\r\n')
    rows, found = read_csv(file, "--evaluate", 2, ["label", "labels"])
    assert rows.dtype == np.float64
    assert rows.tolist() == [[1, 2.5], [300, -4]]
    assert found == {"label": ["a, b", "c"]}
    file.write_text("age,income\n1,2\n")
    assert read_csv(file, "--evaluate", 2, ["label"])[1] == {}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "--evaluate rows.csv is empty; expected are a line of names and lines of numbers"),
        ("\n", "--evaluate rows.csv is empty"),
        ("1,2,3\n4,5,6\n", "--evaluate rows.csv has no line of names; the first line should name the columns"),
        ("a,b,c,label\n1,2,3,x\n", "has 3 columns besides 'label', and the model takes 2 numbers a row"),
        (
            "a,b,c\n1,2,3\n",
            "has 3 columns and no 'label' or 'labels', and the model takes 2 numbers a row; --label names",
        ),
        ("a,b,label,label\n1,2,x,y\n", "has 2 columns named 'label'"),
        ("a,b,label\n1,2\n", "line 2 of --evaluate rows.csv has 2 cells, and the first line names 3 columns"),
        ("a,b,label\n1,2,x\n1,old,x\n", "line 3 of --evaluate rows.csv holds 'old' in the column 'b', and a number"),
        ("a,b,label\n1,,x\n", "line 2 of --evaluate rows.csv holds '' in the column 'b'"),
        ("a,b,label\n1,2, \n", "line 2 of --evaluate rows.csv has no label in the column 'label'"),
        ('a,b,label\n1,2,"x\n', "line 2 of --evaluate rows.csv is not CSV"),
        (b"a,b\n\xff,2\n", "--evaluate rows.csv is not UTF-8 text"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_its_line(
    tmp_path: Path, content: str | bytes, sentence: str
) -> None:
    with pytest.raises(typer.BadParameter) as caught:
        read(tmp_path, content)
    assert sentence in caught.value.message
