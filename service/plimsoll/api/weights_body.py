"""Parses the body of a change of weights: percent by version, strictly."""

from __future__ import annotations

import json
from typing import Any, Never

from plimsoll.errors import InvalidInput, MalformedBody
from plimsoll.quoting import quote
from plimsoll.tasks.json_faults import kind_of

_EXPECTED = "an object with a whole number of percent for each version"
_WHOLE = 100


def parse_weights(body: bytes) -> dict[str, int]:
    """The weights in a JSON document, each from 0 to 100, by version.

    Raises:
        MalformedBody: the body is empty or not JSON.
        InvalidInput: it is not an object, names no version or one twice, or a weight is not an integer from 0 to 100.
    """
    if not body.strip():
        raise MalformedBody("the body is empty", code="empty_body", expected=_EXPECTED)
    try:
        document = json.loads(
            body.decode(), object_pairs_hook=_without_repeats, parse_constant=_refuse, parse_int=_short_int
        )
    except (ValueError, RecursionError):  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise MalformedBody("the body is not JSON", expected=_EXPECTED) from None
    if not isinstance(document, dict):
        raise InvalidInput("the body is not an object", expected=_EXPECTED, given=kind_of(document))
    if not document:
        raise InvalidInput("the body names no version", expected=_EXPECTED, given="an empty object")
    for version, weight in document.items():
        if type(weight) is not int or not 0 <= weight <= _WHOLE:  # a bool is an int, and no weight
            given = str(weight) if type(weight) in (int, float) else kind_of(weight)
            raise InvalidInput(
                f"the weight of version {quote(version)} cannot be used",
                expected=f"a whole number from 0 to {_WHOLE}",
                given=given,
            )
    return document


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in pairs:
        if name in made:
            raise InvalidInput(f"the name {quote(name)} stands twice in the body", expected="each version once")
        made[name] = value
    return made


def _refuse(constant: str) -> Never:
    raise ValueError(constant)


def _short_int(digits: str) -> int:
    """An int of the first ten digits only, because a longer one is no valid weight and is slow to convert."""
    return int(digits[:10])
