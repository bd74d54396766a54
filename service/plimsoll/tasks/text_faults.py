"""Says what is wrong with a text, or with a body that should hold texts. No message repeats any of a text."""

from __future__ import annotations

import re
from collections.abc import Sequence

from plimsoll.errors import ClientError, InvalidInput
from plimsoll.tasks.json_faults import BodyForm, kind_of, syntax_fault
from plimsoll.tasks.json_faults import explain as explain_json
from plimsoll.tasks.number_rows import MAX_ROWS

FORM = BodyForm(
    'an object {"text": "..."} for one text, or {"instances": ["...", ...]} for many', "text", "instances", private=True
)
LONGEST_TEXT, MOST_CHARACTERS = 1 << 18, 1 << 20
"""Characters of one text, and of all texts of a request.

A tokenizer takes about a second of one processor for as many as a request may have, and, if each is a token, about
100 MB for as many as a text may have.
"""
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")


def explain(body: bytes) -> ClientError:
    """The error for a body that is not a valid request of texts."""
    return explain_json(body, FORM, _fault_of_value)


def explain_surplus(body: bytes) -> ClientError:
    """The error for a body of far too many texts."""
    return syntax_fault(body, FORM) or InvalidInput("the body holds too many texts", expected=f"at most {MAX_ROWS}")


def fault_of_texts(texts: Sequence[str], *, single: bool) -> InvalidInput | None:
    """The error for texts of whole characters that are empty or too long; `single` if no index should name one."""
    faults = (_fault_of_text(text, None if single else index) for index, text in enumerate(texts))
    if fault := next(filter(None, faults), None):
        return fault
    if (characters := sum(map(len, texts))) > MOST_CHARACTERS:
        return _too_long("the texts together are too long", f"{MOST_CHARACTERS} characters in all texts", characters)
    return None


def place_of(index: int | None) -> str:
    """The text in words; `index` is its place in a list of texts."""
    return "the text" if index is None else f"text {index}"


def not_utf8(name: str, index: int | None) -> InvalidInput:
    """The error for an element of an input of BYTES that is no text."""
    return InvalidInput(
        f"an element of the input '{name}' is no text", expected="UTF-8", given="bytes that are not UTF-8", index=index
    )


def _fault_of_value(value: object, index: int | None) -> InvalidInput | None:
    """The error for one value of a body that Python has parsed, where a text may hold half a character."""
    if not isinstance(value, str):
        return InvalidInput(
            f"{place_of(index)} has the wrong type", expected="a string", given=kind_of(value), index=index
        )
    if half := _HALF_CHARACTER.search(value):
        return InvalidInput(
            f"{place_of(index)} holds half a character",
            expected="whole characters; one beyond U+FFFF has two escapes in JSON, and both are needed",
            given=f"one surrogate alone at character {half.start()}", index=index,
        )  # fmt: skip
    return _fault_of_text(value, index)


def _fault_of_text(text: str, index: int | None) -> InvalidInput | None:
    if not text:
        return InvalidInput(f"{place_of(index)} is empty", expected="at least one character", index=index)
    if len(text) > LONGEST_TEXT:
        return _too_long(f"{place_of(index)} is too long", f"{LONGEST_TEXT} characters", len(text), index)
    return None


def _too_long(what: str, most: str, characters: int, index: int | None = None) -> InvalidInput:
    return InvalidInput(
        what, expected=f"at most {most}; send parts of it", given=f"{characters} characters", index=index
    )
