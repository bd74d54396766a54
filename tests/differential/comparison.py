"""What "the same answer" means.

Of two answers these have to be equal: the status; for 200 the headers that are part of the contract, the whole document
except `latency_ms`, and every number bit by bit in the model's own type; for an error its code, the index of the row,
and the field and the position at fault. Our message has to name these two, by whatever words; of the
number of rows, of half a character in `user`, and of a value that a later one of the same name has replaced, it may
name none. Beyond that `message`, `expected` and `given` are words for people: they are compared with nothing and have
to be short.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.differential.cases import MODELS, Case

Place = tuple[str, int | None]
"""A field and a position in a row of it."""

_NOWHERE: Place = ("", None)
_LONGEST_ERROR = 1000
_POSITION = re.compile(r"at position (\d+)")
_UNKNOWN = re.compile(r"unknown field '(.*)'", re.DOTALL)
_FIELDS = re.compile(r"\b(features|instances|user)\b")
_ERROR_KEYS = {"code", "message", "expected", "given", "index", "request_id"}
_LONGEST_NAME = 32
REQUEST_ID = "differential-1"


@dataclass(frozen=True)
class Reply:
    """An answer as it was sent."""

    status: int
    headers: dict[str, str]
    body: bytes


class Difference(AssertionError):
    """The two do not agree, or ours is not of the form that every answer has."""

    def __init__(self, what: str, case: Case, ours: Reply, reference: Reply) -> None:
        super().__init__(
            f"{what}\n  path      {case.path}\n  headers   {dict(case.headers)}\n  cuts      {case.cuts}\n"
            f"  body      {_cut(case.body)}\n  ours      {ours.status} {_cut(ours.body)}\n"
            f"  reference {reference.status} {_cut(reference.body)}"
        )


def compare(case: Case, ours: Reply, reference: Reply) -> None:
    """Nothing, where both answers are the same.

    Raises:
        Difference: they are not.
    """

    def same(what: str, here: object, there: object) -> None:
        if here != there:
            raise Difference(f"{what}: ours {here!r}, reference {there!r}", case, ours, reference)

    same("status", ours.status, reference.status)
    for name in ("content-type", "x-plimsoll-version"):
        same(name, ours.headers.get(name), reference.headers.get(name))
    same("x-request-id", ours.headers.get("x-request-id"), REQUEST_ID)
    here, there = json.loads(ours.body), json.loads(reference.body)
    if ours.status == 200:
        same("form of the latency", _measured(here.pop("latency_ms")), "")
        del there["latency_ms"]
        same("document", here, there)
        same("bits", _bits(here), _bits(there))
    else:
        error, fault = here["error"], there["error"]
        same("form of the error", _form(here, len(ours.body)), "")
        same("code", error["code"], fault["code"])
        same("index", error.get("index"), fault["index"])
        place = _place(error["message"], fault["index"])
        if place != _NOWHERE or fault["named"]:
            same("place", place, _told(fault))


def _measured(latency: object) -> str:
    return "" if isinstance(latency, float | int) and latency >= 0 else f"{latency!r} is no time"


def _bits(document: dict[str, Any]) -> list[bytes]:
    dtype = next(model.dtype for model in MODELS if model.name == document["model"])
    return [np.array(each["probabilities"], dtype).tobytes() for each in document["predictions"]]


def _form(document: dict[str, Any], length: int) -> str:
    """What is wrong with the form of an error; empty where nothing is."""
    error = document["error"]
    if set(document) != {"error"} or not {"code", "message", "request_id"} <= set(error) <= _ERROR_KEYS:
        return "it has other keys than the contract"
    if not error["message"] or error["request_id"] != REQUEST_ID:
        return "it has no message, or the id of another request"
    return "" if length <= _LONGEST_ERROR else "it is too long"


def _place(message: str, index: int | None) -> Place:
    """The field and the position that our message names."""
    if unknown := _UNKNOWN.search(message):
        return f"unknown {unknown[1].removesuffix('…')}", None
    found = _POSITION.search(message)
    position = int(found[1]) if found else None
    # Their names may come twice, "give either 'features' or 'instances'".
    if fields := list(dict.fromkeys(_FIELDS.findall(message))):
        return " or ".join(fields), position
    # "the number at position 3 ..." leaves it to `index` whether it was one of many rows.
    return _NOWHERE if position is None else ("features" if index is None else "instances", position)


def _told(fault: dict[str, Any]) -> Place:
    field = str(fault["field"])
    if field.startswith("unknown "):
        # As ours quotes it: what cannot be sent replaced, and cut where it is long.
        name = field.removeprefix("unknown ").encode(errors="replace").decode()
        field = f"unknown {name[:_LONGEST_NAME]}"
    return field, fault["position"]


def _cut(content: bytes, longest: int = 600) -> str:
    return repr(content) if len(content) <= longest else f"{content[:longest]!r}… ({len(content)} bytes)"
