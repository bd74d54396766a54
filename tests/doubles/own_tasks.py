"""Tasks of one's own, good and bad, and bundles that name them."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np
from plimsoll.bundle.folder import Bundle
from plimsoll.inference.task_threads import UnobservedTask
from plimsoll.own_task import InvalidRow, OwnTask, Setup, number

from tests.doubles.bundles import Fields, replace_file, rewrite_manifest

PRIVATE = "/srv/secret/vocabulary.txt"
ROW = {"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.4}
GO = threading.Event()
"""Lets the code of `Waits` return."""


class Letters(OwnTask):
    """Reads four numbers by name; writes the label of the highest score."""

    item = "letters"
    row_schema: Mapping[str, Any] = {
        "type": "object",
        "properties": {name: {"type": "number"} for name in "abcd"},
        "required": list("abcd"),
    }
    result_schema: Mapping[str, Any] = {"type": "object", "properties": {"label": {"type": "string"}}}
    metric_names = ("zeros",)

    def read(self, row: Any) -> Mapping[str, Any]:
        """The four numbers."""
        numbers = [number(row, name) for name in "abcd"]
        if 0 in numbers:
            self.setup.metrics.count("zeros")
        return {"input": numbers}

    def write(self, outputs: Mapping[str, Any]) -> Any:
        """The label and all scores."""
        scores = outputs["output"]
        return {"label": self.setup.labels["output"][scores.argmax()], "scores": scores}


class Flat(Letters):
    """Writes an object without arrays."""

    def write(self, outputs: Mapping[str, Any]) -> Any:
        """The label, and whether it is likelier than all others together."""
        scores = outputs["output"]
        return {"label": self.setup.labels["output"][scores.argmax()], "sure": scores.max() > 1 / 2}


class Odd(Letters):
    """Does what the row says in its field `do`, when it is read or when it is written."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._later = threading.local()

    def read(self, row: Any) -> Mapping[str, Any]:
        """Whatever `do` says."""
        do = row.get("do")
        if do == "raise":
            raise FileNotFoundError(PRIVATE)
        if do == "exit":
            raise SystemExit(PRIVATE)
        if do == "refuse":
            raise InvalidRow("it is too odd", expected="an even one", given="odd")
        if do == "wait":
            assert GO.wait(60)
        if do in READINGS:
            return READINGS[do]  # type: ignore[no-any-return]
        return super().read({name: row[name] for name in "abcd"})

    def write(self, outputs: Mapping[str, Any]) -> Any:
        """Whatever the option `write` says."""
        how = self.setup.options.get("write", "")
        if how == "raise":
            raise FileNotFoundError(PRIVATE)
        if how == "wait":
            assert GO.wait(60)
        if how == "spoil":
            outputs["output"][0] = 7
        return WRITINGS[how] if how in WRITINGS else super().write(outputs)


READINGS: dict[str, Any] = {
    "no mapping": [1, 2, 3, 4],
    "other names": {"inputs": [1, 2, 3, 4]},
    "short": {"input": [1, 2, 3]},
    "text": {"input": ["a", "b", "c", "d"]},
    "far": {"input": [0, 0, 0, 1e300]},
    "nan": {"input": [0, 0, 0, np.nan]},
    "a set": {"input": {1, 2}},
}
WRITINGS: dict[str, Any] = {
    "nan": {"score": np.float32("nan")},
    "a set": {"scores": {1, 2}},
    "bytes": b"x",
    "half a character": "\ud800",
    "numbers as names": {1: "a"},
    "a huge number": 1 << 80,
}


class Undeclared(Letters):
    """Counts what it has not declared."""

    def read(self, row: Any) -> Mapping[str, Any]:
        """Counts first."""
        self.setup.metrics.count("surprises")
        return super().read(row)


class ReadsFile(Letters):
    """Reads a file of the bundle by the option `file`."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.words = setup.read_file(setup.options["file"]).decode()


def raises(_: Setup) -> NoReturn:
    """Raises."""
    raise FileNotFoundError(PRIVATE)


def returns_text(_: Setup) -> str:
    """Returns something else than a task."""
    return "a task"


def with_own_task(bundle: Bundle, name: str = "Letters", **options: object) -> Bundle:
    """The same bundle with a task of this module; its golden requests are asked once with no answers expected."""

    def change(fields: Fields) -> None:
        fields.update(task=f"{__name__}:{name}", options=options)
        fields["golden"]["requests"] = "requests.json"
        fields["files"]["requests.json"] = "0" * 64

    return with_requests(rewrite_manifest(bundle, change), [{"body": {"letters": ROW}, "predictions": ANY}])


ANY: list[Any] = [{"label": "a", "scores": [1 / 3, 1 / 3, 1 / 3]}]
"""Close to the answers of the tiny model, within a tolerance of 1."""


def with_requests(bundle: Bundle, requests: object) -> Bundle:
    """The same bundle with these golden requests, and a wide tolerance."""

    def change(fields: Fields) -> None:
        fields["golden"].update(requests="requests.json", absolute_tolerance=1.0)
        fields["files"]["requests.json"] = "0" * 64

    return replace_file(rewrite_manifest(bundle, change), "requests.json", json.dumps(requests).encode())


class RecordingTask(UnobservedTask):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.names: list[str] = []
        self.counted: list[str] = []
        self.observed: list[tuple[str, float]] = []
        self.begun = 0

    def declare(self, names: Any) -> None:
        """These names."""
        self.names += names

    def begin(self) -> None:
        """It serves."""
        self.begun += 1

    def ran(self, step: str, seconds: float) -> None:
        """A step."""
        assert seconds >= 0
        self.steps.append(step)

    def count(self, name: str) -> None:
        """An event."""
        self.counted.append(name)

    def observe(self, name: str, seconds: float) -> None:
        """A duration."""
        self.observed.append((name, seconds))
