"""The question of a task that takes pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.bundle.picture_options import PictureSteps
from plimsoll.inference.ports import Shapes

if TYPE_CHECKING:
    from plimsoll.tasks.picture_fitting import Placement


class PictureRows:
    """Implements `Question`: pictures in the size and layout of the input `name`, their pixels still in UINT8.

    `placements` say where each picture stands in its row.
    """

    __slots__ = ("_factors", "_name", "_pixels", "placements", "results", "rows", "user")
    shapes: Shapes = ()
    padding = 0

    def __init__(
        self,
        name: str,
        factors: tuple[NDArray[np.float32], NDArray[np.float32]] | None,
        pixels: Sequence[NDArray[np.uint8]],
        placements: Sequence[Placement],
        user: str | None,
    ) -> None:
        self._name = name
        self._factors = factors
        self._pixels = pixels
        self.placements = placements
        self.rows = len(pixels)
        self.user = user
        self.results: list[Any] | None = None

    def row(self, index: int) -> PictureRows:
        """One of the pictures as a question of its own; it is known to be right."""
        part = slice(index, index + 1)
        return PictureRows(self._name, self._factors, self._pixels[part], self.placements[part], self.user)

    def write(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        """Write every picture, in FP32 multiplied and shifted as the manifest says."""
        tensor = inputs[self._name]
        for row, pixels in zip(tensor, self._pixels, strict=True):
            if self._factors is None:
                row[:] = pixels
            else:
                np.multiply(pixels, self._factors[0], out=row)
                np.add(row, self._factors[1], out=row)


def factors_of(steps: PictureSteps) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    """The factor and the offset of pixels in FP32; `None` where they stay as they are."""
    return None if steps.datatype == "UINT8" else steps.factors()
