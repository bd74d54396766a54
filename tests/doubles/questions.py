"""A question for tests of answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray
from plimsoll.inference.ports import Question, Shapes


class AnyQuestion:
    """One row, of which nothing is known."""

    rows = 1
    shapes: Shapes = ()
    padding = 0
    user = None

    def row(self, index: int) -> Question:
        """Itself."""
        assert index == 0
        return self

    def write(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        """Write nothing."""


QUESTION: Question = AnyQuestion()
