"""Asks for what a command needs and was not given."""

from __future__ import annotations

from typing import NamedTuple

import typer


class Question(NamedTuple):
    """One value: `option` gives it on the command line; without a `default` it must be answered."""

    option: str
    words: str
    default: str | None = None


class Questions:
    """Asks on the terminal, or, if nobody is there to answer, takes the defaults."""

    def __init__(self, *, ask: bool) -> None:
        self._ask = ask

    def answer(self, question: Question, given: str | None = None) -> str:
        """The value that was given, or that is answered now; empty where the default is.

        Raises:
            BadParameter: nobody is asked, and there is no default; the message names the option.
        """
        if given is not None:
            return given
        if self._ask:
            answered: str = typer.prompt(question.words, default=question.default, show_default=bool(question.default))
            return answered
        if question.default is None:
            raise typer.BadParameter(f"{question.words}: give {question.option}")
        return question.default
