"""The limits of a batch. Settings have them too, which are read before numpy is imported."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plimsoll.inference.ports import Shapes
MAX_ELEMENTS = 1 << 18
"""The most elements of a batch of rows of open shape, unless a setting says otherwise."""
UNBOUNDED = sys.maxsize
"""The bound of elements where a bundle gives none."""


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """The most rows and elements of a batch, and the longest wait of its first request for others.

    Elements are counted over all inputs, padding included, and only of rows whose shape the signature leaves open:
    those of all others follow from the rows. A single row may have more; several rows of one request are divided.

    With a wait of 0, a request that is alone does not wait. A batch still collects the requests that arrive while the
    model is busy, and a quick batch those that arrive while its own requests are read.
    """

    max_rows: int
    max_wait_seconds: float
    max_elements: int = MAX_ELEMENTS

    def most_rows(self, shapes: Shapes) -> int:
        """The most rows of these shapes in one batch, at least 1."""
        return most_rows(shapes, self.max_rows, self.max_elements)


def most_rows(shapes: Shapes, rows: int, elements: int) -> int:
    """The most rows of these shapes, at least 1, that are no more than so many rows and have no more elements."""
    return max(1, min(rows, elements // max(1, elements_of_row(shapes)))) if shapes else rows


def elements_of_row(shapes: Shapes) -> int:
    """The elements of one row in all inputs."""
    return sum(map(math.prod, shapes))
