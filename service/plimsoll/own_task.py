"""Everything that a task of your own imports from Plimsoll; docs/own-task.md shows it at work."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

__all__ = ["InvalidRow", "Metrics", "OwnTask", "Setup", "number", "text"]

_LONGEST_GIVEN = 64
_LARGEST = sys.float_info.max


class InvalidRow(Exception):
    """The row cannot be answered, and the client can correct it: raise it in `OwnTask.read`.

    The client gets `message`, `expected` and `given` with status 422 and the index of the row, so they name neither a
    path nor a secret. A class derived from it may set them as it likes.
    """

    message: str = "the row is not valid"
    expected: str | None = None
    given: str | None = None

    def __init__(self, message: str, *, expected: str | None = None, given: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.expected = expected
        self.given = given


class Metrics(Protocol):
    """The metrics of one version's task. `OwnTask.metric_names` declares their names; usable on any thread.

    Each raises `ValueError` for a name that is not declared.
    """

    def count(self, name: str) -> None:
        """Add 1 to `plimsoll_task_events_total` of that name."""
        ...

    def observe(self, name: str, seconds: float) -> None:
        """Add a duration in seconds to `plimsoll_task_duration_seconds` of that name."""
        ...


class _NoMetrics:
    """Counts nothing."""

    def count(self, name: str) -> None:
        """Ignore the event."""

    def observe(self, name: str, seconds: float) -> None:
        """Ignore the duration."""


def _no_file(name: str) -> bytes:
    raise FileNotFoundError(f"this setup is that of no bundle, so it has no file {name!r}")


@dataclass(frozen=True, slots=True)
class Setup:
    """The facts of one version that its task may need, given to the factory; `Setup()` does for training and tests.

    `options` are those of the manifest. `labels` are those of the signature, by output. `read_file` returns the content
    of a file that the manifest lists, checked against its digest.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, tuple[str | int, ...]] = field(default_factory=dict)
    read_file: Callable[[str], bytes] = _no_file
    metrics: Metrics = field(default_factory=_NoMetrics)


class OwnTask(ABC):
    """A task of your own: derive from it, and name the class, or a function that returns an object, in the manifest.

    `item` is the field of a body that holds one row; `instances` always holds several. `row_schema` and `result_schema`
    are JSON schemas for the documentation, without references; rows of another `type` than `row_schema` names, or of
    none of its types, are refused before `read` is called. `metric_names` are at most 8 names for `setup.metrics`.

    `read` and `write` are called on up to two threads at once, and never on the event loop.
    """

    item: str = "inputs"
    row_schema: Mapping[str, Any] = {"type": "object"}
    result_schema: Mapping[str, Any] = {}
    metric_names: Sequence[str] = ()

    def __init__(self, setup: Setup) -> None:
        self.setup = setup

    @abstractmethod
    def read(self, row: Any) -> Mapping[str, Any]:  # noqa: ANN401  # JSON
        """Turn one row of a request, parsed JSON, into the inputs of the model by name, without the batch dimension.

        Raises:
            InvalidRow: the client's mistake. Everything else that it raises is status 500, and only the log has it.
        """

    @abstractmethod
    def write(self, outputs: Mapping[str, Any]) -> Any:  # noqa: ANN401  # JSON
        """Turn the outputs of the model for one row, read-only arrays by name, into a JSON value.

        Arrays and scalars of numpy may stand in it for lists and numbers.
        """


def number(row: Mapping[str, Any], name: str, *, minimum: float | None = None, maximum: float | None = None) -> float:
    """The number in a field of a row; `minimum` and `maximum` are inclusive.

    Raises:
        InvalidRow: the field is missing, no finite number, or out of bounds.
    """
    value = _field(row, name)
    bounds = ["any" if bound is None else f"{bound:g}" for bound in (minimum, maximum)]
    expected = "a number" if bounds == ["any", "any"] else f"a number from {bounds[0]} to {bounds[1]}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidRow(f"the field '{name}' is not a number", expected=expected, given=_described(value))
    low = -_LARGEST if minimum is None else minimum
    if not low <= value <= (_LARGEST if maximum is None else maximum):  # not a number is in no range
        raise InvalidRow(f"the field '{name}' is out of bounds", expected=expected, given=_described(value))
    return float(value)


def text(row: Mapping[str, Any], name: str, *, choices: Sequence[str] | None = None) -> str:
    """The text in a field of a row, which is one of `choices` if they are given.

    Raises:
        InvalidRow: the field is missing, no text, or none of the choices.
    """
    value = _field(row, name)
    expected = "a text" if choices is None else f"one of: {', '.join(choices)}"
    if not isinstance(value, str):
        raise InvalidRow(f"the field '{name}' is not a text", expected=expected, given=_described(value))
    if choices is not None and value not in choices:
        raise InvalidRow(f"the field '{name}' has an unknown value", expected=expected, given=_described(value))
    return value


def _field(row: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401  # JSON
    if name not in row:
        raise InvalidRow(f"the field '{name}' is missing", expected=f"an object with '{name}'")
    return row[name]


def _described(value: object) -> str:
    """A JSON value in a few words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, list | dict):
        return "an array" if isinstance(value, list) else "an object"
    if isinstance(value, int) and abs(value) > _LARGEST:
        return "a number beyond every range"
    shown = str(value)[: _LONGEST_GIVEN + 1]
    return shown if len(shown) <= _LONGEST_GIVEN else f"{shown[:_LONGEST_GIVEN]}…"
