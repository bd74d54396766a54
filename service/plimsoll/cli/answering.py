"""The port of what `plimsoll predict` asks, and the words that pass through it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from plimsoll.bundle.manifest import ImagePreprocessing

Answer = dict[str, Any]
"""The answer of a predict request."""


class Refused(Exception):
    """The model was asked and did not answer; `index` is the row at fault."""

    def __init__(self, code: str, sentence: str, index: int | None = None) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.index = index


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts about a version by which it is asked and its answers are shown."""

    name: str
    version: str
    task: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    labels: Sequence[str | int] = ()
    preprocessing: ImagePreprocessing | None = None


class Golden(NamedTuple):
    """A request, with its expected predictions and the tolerance of numbers."""

    body: Any
    predictions: list[Any] | None
    tolerance: tuple[float, float]


class Answering(Protocol):
    """Answers predict requests."""

    def facts(self, option: str) -> Facts:
        """The facts about the version that will answer, which `option` of the command line needs."""
        ...

    def facts_of(self, answer: Answer) -> Facts:
        """The facts about the version that has answered; without them where they cannot be had."""
        ...

    def predict(self, body: Any) -> Answer:  # noqa: ANN401  # JSON
        """The answer to a body; one that is a text is sent as it stands.

        Raises:
            Refused: there is none.
        """
        ...

    def pinned(self, answer: Answer) -> Answering:
        """The same, but asking only the version that has given this answer."""
        ...

    def golden(self) -> tuple[Golden, Answer]:
        """The golden request and the answer of the same version."""
        ...
