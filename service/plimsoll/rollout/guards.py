"""Reads a user's own tests of a canary, `NAME=GOOD/TOTAL`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from plimsoll.errors import OperatorError
from plimsoll.quoting import quote

MOST_GUARDS = 8
_MOST_CHARACTERS = 2000
_NAME = re.compile(r"([a-z0-9](?:[a-z0-9_-]{0,30}[a-z0-9])?)(?:@([0-9]{1,6})([smh]))?")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_MOST_DELAY_SECONDS = 6 * 3600.0
_PLACEHOLDER = re.compile(r"\$(track|release|namespace)\b")
_TRACK = re.compile(r"\$track\b")
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_EXPECTED = 'expected NAME=GOOD/TOTAL, such as sales=shop_paid_total{track="$track"}/shop_orders_total{track="$track"}'


class GuardError(OperatorError):
    """A `--guard` cannot be read."""


@dataclass(frozen=True, slots=True)
class Guard:
    """A test of a canary by a user's own counters.

    `good` and `total` are expressions in PromQL of cumulative counters, in which `$track`, `$release` and `$namespace`
    stand for the track, the release's full name and its namespace. `delay_seconds` is the time after a trial at which
    its outcome is known; only after as long a time at one weight are the good outcomes those of trials at that weight.
    """

    name: str
    good: str
    total: str
    delay_seconds: float = 0.0

    def expressions(self, track: str, release: str, namespace: str) -> dict[str, str]:
        """Both expressions of one track, as `good` and `total`."""
        values = {"$track": track, "$release": release, "$namespace": namespace}
        return {"good": _filled(self.good, values), "total": _filled(self.total, values)}


def read_guards(texts: Sequence[str]) -> tuple[Guard, ...]:
    """The guards of all `--guard` options.

    Raises:
        GuardError: one of them cannot be read, or two have the same name, or there are too many.
    """
    if len(texts) > MOST_GUARDS:
        raise GuardError(f"--guard is given {len(texts)} times; expected {MOST_GUARDS} times at most")
    guards = tuple(read_guard(text) for text in texts)
    names = [guard.name for guard in guards]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise GuardError(f"two guards have the name {repeated[0]}; give each --guard a name of its own")
    return guards


def read_guard(text: str) -> Guard:
    """The guard in `NAME=GOOD/TOTAL` or `NAME@DELAY=GOOD/TOTAL`.

    The slash is the only one outside brackets, braces, quotes and comments.

    An expression that divides has to be in parentheses.

    Raises:
        GuardError: it cannot be read; the message says what is wrong.
    """
    if len(text) > _MOST_CHARACTERS:
        raise GuardError(f"a --guard has {len(text)} characters; expected {_MOST_CHARACTERS} at most")
    name, equals, ratio = text.partition("=")
    name = name.strip()
    head = _NAME.fullmatch(name)
    if not equals or head is None:
        raise GuardError(
            f"--guard {quote(text)} does not begin with a name and =; {_EXPECTED}, with a name of lower case letters, "
            "digits, - and _, 32 at most; the delay of its outcomes may follow, as in sales@10m"
        )
    name, delay_seconds = head[1], float(head[2] or 0) * _UNITS[head[3] or "s"]
    if delay_seconds > _MOST_DELAY_SECONDS:
        raise GuardError(
            f"the guard {name} has a delay of {head[2]}{head[3]}; expected {_MOST_DELAY_SECONDS:g}s at most"
        )
    slashes = _open_slashes(name, ratio)
    if len(slashes) != 1:
        raise GuardError(
            f"the guard {name} has {len(slashes)} divisions; {_EXPECTED}, and parentheses around an expression that "
            "divides"
        )
    good, total = ratio[: slashes[0]].strip(), ratio[slashes[0] + 1 :].strip()
    if not good or not total:
        raise GuardError(f"the guard {name} has nothing {'before' if not good else 'after'} its slash; {_EXPECTED}")
    if not (_TRACK.search(good) and _TRACK.search(total)):
        raise GuardError(
            f"the guard {name} does not use $track in both expressions, so it would compare a track with itself; "
            'expected a selector such as shop_orders_total{track="$track"} on both sides of the slash'
        )
    return Guard(name, good, total, delay_seconds)


def _open_slashes(name: str, ratio: str) -> list[int]:
    """The places of the slashes outside everything that can enclose one."""
    slashes, waiting, place = [], [], 0
    while place < len(ratio):
        character = ratio[place]
        if character in "\"'`":
            place = _end_of_string(name, ratio, place)
        elif character == "#":
            raise GuardError(f"the guard {name} has a comment; expected PromQL without comments")
        elif character in _CLOSING:
            waiting.append(_CLOSING[character])
        elif character in _CLOSING.values():
            if not waiting or waiting.pop() != character:
                raise GuardError(f"the guard {name} has {character} where nothing is open; check its brackets")
        elif character == "/" and not waiting:
            slashes.append(place)
        place += 1
    if waiting:
        raise GuardError(f"the guard {name} ends before {waiting[-1]}; check its brackets")
    return slashes


def _end_of_string(name: str, text: str, start: int) -> int:
    """The place of the quote that ends the string; backticks know no escapes."""
    mark, place = text[start], start + 1
    while place < len(text) and text[place] != mark:
        place += 2 if text[place] == "\\" and mark != "`" else 1
    if place >= len(text):
        raise GuardError(f"the guard {name} has a quote that is not closed; check its quotes")
    return place


def _filled(expr: str, values: dict[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: values[found[0]], expr)
