"""Brings a picture to the size of a row, and boxes back to the pixels of the picture."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from plimsoll.bundle.picture_options import PictureSteps
from plimsoll.tasks.picture_decoding import PictureFile, on_ground

_DRAFT_FACTOR = 2
"""A JPEG is decoded to at least this many times the size of a row, so that its edges stay as smooth as they were."""


class Placement(NamedTuple):
    """The place of a picture in its row: x in the row is `across` + x in the picture * `wide`; `down` and `high` too.

    `width` and `height` are those of the picture.
    """

    width: int
    height: int
    across: float
    down: float
    wide: float
    high: float

    def in_picture(self, boxes: NDArray[Any]) -> NDArray[np.float64]:
        """Boxes, [..., 4] with left, top, right and bottom in the row, as pixels within the picture."""
        starts, lengths = np.tile((self.across, self.down), 2), np.tile((self.wide, self.high), 2)
        ends = np.tile((self.width, self.height), 2)
        inside: NDArray[np.float64] = np.clip((boxes.astype(np.float64) - starts) / lengths, 0, ends)
        return inside


def fitted(file: PictureFile, steps: PictureSteps) -> tuple[NDArray[np.uint8], Placement]:
    """The pixels of a row, in its layout, and where the picture stands in it.

    Raises:
        InvalidInput: the picture is damaged.
    """
    least = (_DRAFT_FACTOR * steps.width, _DRAFT_FACTOR * steps.height)
    picture, (width, height) = file.upright(least)
    row, placement = _RULES[steps.resize](picture, (width, height), steps)
    pixels = np.asarray(row, np.uint8).reshape(steps.height, steps.width, len(steps.channels))
    return steps.arranged(pixels), placement


def _fit(picture: Image.Image, size: tuple[int, int], steps: PictureSteps) -> tuple[Image.Image, Placement]:
    """All of the picture in the middle, and the ground around it."""
    scale = min(steps.width / size[0], steps.height / size[1])
    width, height = (max(1, round(side * scale)) for side in size)
    across, down = (steps.width - width) // 2, (steps.height - height) // 2
    row = Image.new(steps.channels, (steps.width, steps.height), (steps.ground,) * len(steps.channels))
    row.paste(_resized(picture, (width, height), steps), (across, down))
    return row, Placement(*size, across, down, width / size[0], height / size[1])


def _crop(picture: Image.Image, size: tuple[int, int], steps: PictureSteps) -> tuple[Image.Image, Placement]:
    """The middle of the picture, as much of it as has the proportions of the row."""
    scale = max(steps.width / size[0], steps.height / size[1])
    across, down = (steps.width - size[0] * scale) / 2, (steps.height - size[1] * scale) / 2
    middle = (
        -across / scale / size[0], -down / scale / size[1],
        (steps.width - across) / scale / size[0], (steps.height - down) / scale / size[1],
    )  # fmt: skip
    sides = (picture.width, picture.height) * 2
    # Rounding may put an edge a little outside the picture, which Pillow refuses.
    box = tuple(min(max(share, 0.0), 1.0) * side for share, side in zip(middle, sides, strict=True))
    row = _resized(picture, (steps.width, steps.height), steps, (box[0], box[1], box[2], box[3]))
    return row, Placement(*size, across, down, scale, scale)


def _stretch(picture: Image.Image, size: tuple[int, int], steps: PictureSteps) -> tuple[Image.Image, Placement]:
    """All of the picture, in the proportions of the row."""
    row = _resized(picture, (steps.width, steps.height), steps)
    return row, Placement(*size, 0, 0, steps.width / size[0], steps.height / size[1])


_RULES = {"fit": _fit, "crop": _crop, "stretch": _stretch}


def _resized(
    picture: Image.Image,
    size: tuple[int, int],
    steps: PictureSteps,
    box: tuple[float, float, float, float] | None = None,
) -> Image.Image:
    smaller = picture.resize(size, Image.Resampling[steps.filter.upper()], box)
    return on_ground(smaller, steps.channels, steps.ground)
