from __future__ import annotations

import io
import sys

import pytest
import typer
from plimsoll.cli.questions import Question, Questions

SIZE = Question("--size", "Its size")


def test_a_value_that_is_given_is_not_asked_for() -> None:
    assert Questions(ask=True).answer(SIZE, "7") == "7"
    assert Questions(ask=False).answer(SIZE, "7") == "7"


def test_a_person_is_asked_and_may_take_the_default(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("8\n\n"))
    questions = Questions(ask=True)
    assert questions.answer(SIZE) == "8"
    assert questions.answer(SIZE._replace(default="9")) == "9"
    assert "Its size [9]:" in capsys.readouterr().out


def test_where_nobody_is_asked_the_default_is_taken_or_the_option_named() -> None:
    questions = Questions(ask=False)
    assert questions.answer(SIZE._replace(default="")) == ""
    with pytest.raises(typer.BadParameter, match="Its size: give --size"):
        questions.answer(SIZE)
