"""Sends the rows of the command line to a model, in as many requests as they need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import typer

from plimsoll.cli import prediction_input
from plimsoll.cli.answering import Answer, Answering, Refused
from plimsoll.cli.prediction_input import Input
from plimsoll.cli.rows_file import of_file
from plimsoll.errors import OperatorError
from plimsoll.tasks.number_rows import MAX_ROWS

GOLDEN = "--golden"
_MOST_CHARACTERS = 4 << 20
"""Of the texts and pictures of one request, so that its body is shorter than the longest one that a server reads."""
_TEXT, _PICTURE, _TABLE = "--text or --file", "--image", "--row, --column or --file"
WAYS: Mapping[str, str] = {
    "tabular-classification": _TABLE,
    "tabular-regression": _TABLE,
    "tensors": "--file",
    "text-classification": _TEXT,
    "token-classification": _TEXT,
    "embeddings": _TEXT,
    "image-classification": _PICTURE,
    "object-detection": _PICTURE,
}
"""The options that ask a model, by its task."""


class Choice(NamedTuple):
    """The options that say what a model is asked."""

    text: Sequence[str] | None
    image: Sequence[Path] | None
    row: Sequence[str] | None
    column: Sequence[str] | None
    file: Path | None
    golden: bool

    def option(self) -> str:
        """The only one that is given.

        Raises:
            BadParameter: none is, or several.
        """
        chosen = [f"--{name}" for name, value in self._asdict().items() if value]
        if len(chosen) != 1:
            listed = ", ".join(f"--{name}" for name in self._fields[:-1])
            raise typer.BadParameter(
                f"give one of {listed} and {GOLDEN}" + (f", not {' and '.join(chosen)}" if chosen else "")
            )
        return chosen[0]

    def read(self, source: Answering) -> Input:
        """The rows of the option that is given."""
        if self.text:
            return prediction_input.of_texts(self.text)
        if self.image:
            return prediction_input.of_images(self.image, source.facts("--image"))
        if self.row:
            return prediction_input.of_rows(self.row)
        if self.column:
            return prediction_input.of_columns(self.column, source.facts("--column"))
        assert self.file is not None  # noqa: S101  # one option is given
        return of_file(self.file, source.facts("--file"))


def answer_all(source: Answering, choice: Choice) -> tuple[Answer, list[str]]:
    """One answer with the predictions for all rows, and words for each row.

    Raises:
        Refused: the model does not answer one of the requests; no answer to another one is returned.
    """
    given = choice.read(source)
    whole: Answer = {}
    first = 0
    for rows in _parts(given.rows):
        single = len(given.rows) == 1 and given.item != "instances"
        try:
            answer = source.predict({given.item: rows[0]} if single else {"instances": rows})
        except Refused as refused:
            if refused.index is None or len(given.rows) == 1:
                raise
            place = given.places[first + refused.index]
            raise Refused(refused.code, f"{refused.sentence}; this is {place} of {given.option}") from None
        if not whole:
            whole, source = answer, source.pinned(answer)
        elif isinstance(answer.get("predictions"), list):
            whole["predictions"] += answer["predictions"]
            whole["latency_ms"] = round(whole["latency_ms"] + answer["latency_ms"], 3)
        first += len(rows)
    return whole, given.places


def hint_on(code: str, option: str, source: Answering) -> str:
    """Words to add to a refusal where the command line can say what to do next; empty if it cannot."""
    if code == "unauthorized":
        return "; give a key with --api-key, or in PLIMSOLL_API_KEY"
    if code not in ("invalid_input", "unsupported_media_type"):
        return ""
    try:
        facts = source.facts(option)
    except (Refused, OperatorError, typer.BadParameter):
        return ""
    ways = WAYS.get(facts.task)
    if ways is None or option in ways or (option == "--image" and facts.preprocessing is not None):
        return ""
    return f"; model {facts.name} has the task {facts.task}: ask it with {ways}"


def _parts(rows: Sequence[Any]) -> Iterator[list[Any]]:
    """The rows of each request."""
    part: list[Any] = []
    characters = 0
    for row in rows:
        size = len(row) if isinstance(row, str) else 0
        if part and (len(part) == MAX_ROWS or characters + size > _MOST_CHARACTERS):
            yield part
            part, characters = [], 0
        part.append(row)
        characters += size
    if part:
        yield part
