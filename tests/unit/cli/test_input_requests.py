"""The requests that the rows of the command line become."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import typer
from plimsoll.cli.answering import Answer, Facts, Golden, Refused
from plimsoll.cli.input_requests import WAYS, Choice, answer_all, hint_on
from plimsoll.errors import OperatorError
from plimsoll.tasks import TASKS

NOTHING = Choice(None, None, None, None, None, golden=False)


@dataclass
class Counting:
    """Answers each row with its number of characters, and refuses a row that is `bad`."""

    told: Facts = field(default_factory=lambda: Facts("count", "1", "text-classification"))
    bodies: list[Any] = field(default_factory=list)
    pins: list[str] = field(default_factory=list)
    unknown: bool = False

    def facts(self, option: str) -> Facts:
        if self.unknown:
            raise OperatorError(f"{option} is for nobody")
        return self.told

    def facts_of(self, answer: Answer) -> Facts:
        return self.told if answer else Facts("", "")

    def predict(self, body: Any) -> Answer:
        self.bodies.append(body)
        rows = body["instances"] if "instances" in body else [body["text"]]
        if "bad" in rows:
            raise Refused("invalid_input", "422 invalid_input: it is bad", rows.index("bad"))
        return {"model": "count", "version": "1", "latency_ms": 1.5, "predictions": [len(row) for row in rows]}

    def pinned(self, answer: Answer) -> Counting:
        self.pins.append(answer["version"])
        return self

    def golden(self) -> tuple[Golden, Answer]:
        raise NotImplementedError


def texts(*given: str) -> Choice:
    return NOTHING._replace(text=given)


def test_one_row_is_sent_alone_and_several_as_instances() -> None:
    source = Counting()
    assert answer_all(source, texts("abc"))[0]["predictions"] == [3]
    answer, places = answer_all(source, texts("a", "bc"))
    assert (answer["predictions"], places) == ([1, 2], ["a", "bc"])
    assert source.bodies == [{"text": "abc"}, {"instances": ["a", "bc"]}]


def test_the_instances_of_a_body_stay_instances(tmp_path: Path) -> None:
    source = Counting()
    (tmp_path / "body.json").write_text('{"instances": ["abc"]}')
    assert answer_all(source, NOTHING._replace(file=tmp_path / "body.json"))[0]["predictions"] == [3]
    assert source.bodies == [{"instances": ["abc"]}]


def test_many_rows_are_sent_in_parts_to_the_version_that_answered_first(tmp_path: Path) -> None:
    source = Counting()
    lines = ["x" * number for number in range(205)]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, lines)))
    answer, places = answer_all(source, NOTHING._replace(file=tmp_path / "rows.jsonl"))
    assert [len(body["instances"]) for body in source.bodies] == [100, 100, 5]
    assert answer["predictions"] == list(range(205))
    assert answer["latency_ms"] == 4.5
    assert len(places) == 205
    assert source.pins == ["1"]


def test_long_texts_share_no_request_that_would_be_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plimsoll.cli.input_requests._MOST_CHARACTERS", 10)
    source = Counting()
    assert answer_all(source, texts("x" * 6, "y" * 4, "z" * 11, "a"))[0]["predictions"] == [6, 4, 11, 1]
    assert [len(body["instances"]) for body in source.bodies] == [2, 1, 1]


def test_a_row_that_is_refused_is_named_as_the_file_has_it(tmp_path: Path) -> None:
    lines = ['"a"'] * 150 + ["", '"bad"']
    (tmp_path / "rows.jsonl").write_text("\n".join(lines))
    with pytest.raises(Refused) as caught:
        answer_all(Counting(), NOTHING._replace(file=tmp_path / "rows.jsonl"))
    assert caught.value.sentence == "422 invalid_input: it is bad; this is line 152 of --file"
    with pytest.raises(Refused) as alone:
        answer_all(Counting(), texts("bad"))
    assert alone.value.sentence == "422 invalid_input: it is bad"


def test_exactly_one_kind_of_input_is_given() -> None:
    assert texts("a").option() == "--text"
    assert NOTHING._replace(golden=True).option() == "--golden"
    for choice in (NOTHING, texts("a")._replace(row=["1"])):
        with pytest.raises(typer.BadParameter, match="give one of --text, --image, --row, --column, --file and"):
            choice.option()


def test_a_refusal_of_another_kind_of_input_names_the_options_of_the_task() -> None:
    source = Counting()
    said = hint_on("invalid_input", "--row", source)
    assert said == "; model count has the task text-classification: ask it with --text or --file"
    assert hint_on("invalid_input", "--text", source) == ""
    assert hint_on("overloaded", "--row", source) == ""
    assert hint_on("unauthorized", "--row", source) == "; give a key with --api-key, or in PLIMSOLL_API_KEY"
    assert hint_on("invalid_input", "--row", Counting(unknown=True)) == ""
    assert hint_on("invalid_input", "--row", Counting(Facts("own", "1", "ours:task"))) == ""


def test_every_task_says_how_it_is_asked() -> None:
    assert set(WAYS) >= set(TASKS)
