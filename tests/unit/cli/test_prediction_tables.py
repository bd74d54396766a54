"""The answers of a predict request as people see them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import pytest
from plimsoll.cli.answering import Facts
from plimsoll.cli.prediction_tables import print_answer, printable
from rich.console import Console

FACTS = Facts("tiny", "3", labels=("cat", "dog", "owl"))
SURE = {"class": "dog", "probabilities": [0.1, 0.7, 0.2]}


def shown(predictions: Sequence[Any], places: Sequence[str] = (), facts: Facts = FACTS, width: int = 100) -> list[str]:
    """The lines that are printed, without blanks at their ends."""
    console = Console(file=io.StringIO(), width=width)
    answer = {"model": "tiny", "version": "3", "latency_ms": 1.5, "predictions": list(predictions)}
    print_answer(console, answer, places, facts)
    assert isinstance(console.file, io.StringIO)
    lines = [line.rstrip() for line in console.file.getvalue().splitlines()]
    assert max(map(len, lines)) <= width
    return lines


def words(line: str) -> list[str]:
    return line.split()


def test_one_row_shows_its_most_probable_classes_as_bars() -> None:
    lines = shown([SURE])
    assert [words(line)[:2] for line in lines[1:4]] == [["dog", "70.0%"], ["owl", "20.0%"], ["cat", "10.0%"]]
    assert [line.count("█") for line in lines[1:4]] == [16, 4, 2]
    assert lines[-1] == "tiny 3 in 1.5 ms"


def test_classes_that_are_many_are_counted() -> None:
    facts = Facts("digits", "1", labels=tuple(range(10)))
    lines = shown([{"class": 9, "probabilities": [0.05] * 9 + [0.55]}], facts=facts)
    assert words(lines[1])[:2] == ["9", "55.0%"]
    assert lines[-2] == "… and 5 classes less probable"


def test_several_rows_have_a_line_each_with_the_next_class() -> None:
    lines = shown([SURE, {"class": "cat", "probabilities": [0.6, 0.3, 0.1]}], ["a", "b"])
    assert [words(line) for line in lines[1:3]] == [
        ["a", "dog", "70.0%", "owl", "20.0%"],
        ["b", "cat", "60.0%", "dog", "30.0%"],
    ]


def test_a_class_below_a_threshold_is_shown_with_its_own_probability() -> None:
    facts = Facts("tiny", "3", labels=("no", "yes"))
    lines = shown([{"class": "yes", "probabilities": [0.7, 0.3]}] * 2, ["a", "b"], facts)
    assert words(lines[1]) == ["a", "yes", "30.0%", "no", "70.0%"]


def test_the_best_classes_of_a_picture_are_shown_as_the_server_ranks_them() -> None:
    top = [{"class": "shirt", "probability": 0.72}, {"class": "coat", "probability": 0.2}]
    lines = shown([{"class": "shirt", "confidence": 0.72, "top": top, "probabilities": [0.1] * 9}], ["a.png"])
    assert [words(line)[:2] for line in lines[1:3]] == [["shirt", "72.0%"], ["coat", "20.0%"]]


@pytest.mark.parametrize(("sure", "line"), [({}, "dog"), ({"confidence": 0.7}, "dog  70.0%")])
def test_without_labels_the_class_is_shown_alone(sure: dict[str, float], line: str) -> None:
    assert shown([{**SURE, **sure}], facts=Facts("tiny", "3"))[0] == line


def test_entities_have_their_places_in_the_text() -> None:
    found = [
        {"entity": "PERSON", "start": 0, "end": 8, "text": "Tim Cook", "confidence": 0.9},
        {"entity": "PLACE", "start": 21, "end": 26, "text": "Paris", "confidence": 0.99},
    ]
    lines = shown([{"entities": found, "tokens": 9, "tokens_cut": 0}, {"entities": []}], ["Tim Cook went", "none"])
    assert words(lines[1]) == ["Tim", "Cook", "went", "PERSON", "Tim", "Cook", "0", "8", "90.0%"]
    assert words(lines[2]) == ["PLACE", "Paris", "21", "26", "99.0%"]
    assert words(lines[3]) == ["none", "no", "entity"]


def test_objects_have_their_boxes_in_pixels() -> None:
    found = [{"class": "shoe", "confidence": 0.93, "box": [12.4, 30.6, 40, 58]}]
    lines = shown([{"objects": found}, {"objects": []}], ["a.png", "b.png"])
    assert words(lines[0]) == ["class", "confidence", "left", "top", "right", "bottom"]
    assert words(lines[1]) == ["a.png", "shoe", "93.0%", "12", "31", "40", "58"]
    assert words(lines[2]) == ["b.png", "no", "object"]


def test_an_embedding_is_shortened() -> None:
    lines = shown([{"embedding": [0.6, 0.8, 0, 0, 0, 0], "tokens": 1, "tokens_cut": 0}], ["a"])
    assert words(lines[1]) == ["a", "6", "1.000", "0.600,", "0.800,", "0.000,", "0.000,", "…"]


def test_several_embeddings_are_compared() -> None:
    vectors = [[1, 0], [0, 2], [1, 1], [0, 0]]
    lines = shown([{"embedding": each} for each in vectors], ["a" * 80, "b", "c", "d"], width=80)
    assert words(lines[2]) == ["2", "b", "2", "0.00", "1.00", "0.71", "0.00"]
    assert lines[-2].startswith("The columns 1, 2")


def test_values_have_their_units_and_intervals() -> None:
    facts = Facts("bikes", "1", options={"targets": {"hires": {"unit": "bikes"}}})
    interval = {"low": 98.2, "high": 204.1, "level": 0.9}
    lines = shown([{"values": {"hires": 151.234, "rain": 1}, "interval": {"hires": interval}}], ["a"], facts)
    assert words(lines[1]) == ["a", "hires", "151.23", "bikes", "98.2", "and", "204.1", "(90%)"]
    assert words(lines[2]) == ["rain", "1"]
    assert words(shown([{"values": {"a": 1.5, "b": 2}}])[2]) == ["b", "2"]


def test_tensors_have_their_shapes_and_first_numbers() -> None:
    lines = shown([{"outputs": {"mask": [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]], "count": 3, "none": []}}])
    assert words(lines[1]) == ["row", "1", "mask", "[2,", "3]", "0.1,", "0.2,", "0.3,", "0.4,", "…"]
    assert words(lines[2]) == ["count", "[]", "3"]
    assert words(lines[3]) == ["none", "[0]"]


def test_other_predictions_are_shown_as_json() -> None:
    assert words(shown([{"species": "Gentoo"}, 5])[1]) == ["row", "1", '{"species":', '"Gentoo"}']


def test_a_text_that_was_cut_is_named() -> None:
    lines = shown([{**SURE, "tokens": 128, "tokens_cut": 71}], ["a long text"])
    assert lines[-2] == "the model read all but the last 71 tokens of: a long text"


def test_very_many_rows_are_counted() -> None:
    lines = shown([SURE] * 103)
    assert lines[-2] == "… and 3 rows more; --json prints all"
    assert len(lines) == 1 + 100 + 2


def test_no_text_commands_the_terminal() -> None:
    assert printable("a\x1b[31mred\nline\u202e") == "a�[31mred␣line�"
    assert printable("x" * 100) == "x" * 59 + "…"
    assert "\x1b" not in "".join(shown([{"class": "\x1b[2J"}, SURE], ["\x1b[2J", "b"]))
