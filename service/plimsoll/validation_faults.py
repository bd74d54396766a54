"""Turns what pydantic refuses into sentences for people, without the names of our classes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

Location = tuple[int | str, ...]
MOST_FAULTS = 5
"""A sentence names this many faults, so that a document of a hundred thousand does not fill the log."""
_WHOLE_DOCUMENT = "the document"
"""The location of a fault that belongs to no field."""
_OUR_CLASS = re.compile(r" or instance of \w+$")


class Invalid(Protocol):
    """An error of pydantic, or of FastAPI, which lists faults in the same form."""

    def errors(self) -> Sequence[Any]:
        """Every fault, as pydantic describes it."""
        ...


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a document.

    `kind` is pydantic's name for it, as `missing`, and `value_error` where a validator of ours has raised `reason`.
    `given` is what stands there; it may be a secret.
    """

    location: Location
    kind: str
    reason: str
    given: object = field(repr=False)

    @property
    def place(self) -> str:
        """The field, as `models.0.name`; empty for the document as a whole."""
        return ".".join(str(part) for part in self.location)


def first_fault(error: Invalid) -> Fault:
    """The first fault that was found."""
    return _fault(error.errors()[0])


def describe_fault(fault: Fault) -> str:
    """One fault as `models.0.name: what is wrong`; a validator of a whole document gives a sentence of its own."""
    if not fault.location and fault.kind == "value_error":
        return fault.reason
    return f"{fault.place or _WHOLE_DOCUMENT}: {fault.reason}"


def sentence_of(
    error: Invalid, describe: Callable[[Fault], str] = describe_fault, most: int | None = MOST_FAULTS
) -> str:
    """All faults as one sentence; of more than `most` the first ones, and how many more there are."""
    faults = error.errors()
    told = [describe(_fault(each)) for each in faults[:most]]
    if len(faults) > len(told):
        told.append(f"and {len(faults) - len(told)} more")
    return "; ".join(told)


def _fault(described: dict[str, Any]) -> Fault:
    reason = _OUR_CLASS.sub("", described["msg"].removeprefix("Value error, "))
    return Fault(tuple(described["loc"]), described["type"], reason, described.get("input"))
