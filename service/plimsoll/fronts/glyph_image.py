"""Turns a picture of one handwritten glyph into a row of pixels: cut out, fitted into a box and centred by its mass.

The authors of MNIST prepared their digits in this way (LeCun, Cortes and Burges, "The MNIST database"): they scaled
each digit to a box of 20 x 20 pixels, kept its aspect ratio, and placed its centre of mass in the centre of 28 x 28.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from plimsoll.bundle.manifest import ImagePreprocessing
from plimsoll.errors import InvalidInput
from plimsoll.inference.task_limits import DEFAULT_LIMITS
from plimsoll.tasks.picture_decoding import PictureFile, on_ground, quieten_pillow

_WHITE = 255
_FAINTEST = 0.1
"""Ink below this is noise of the paper."""
_MIDDLE = 0.5
"""Halfway between black and white."""


def read_glyph(content: bytes, steps: ImagePreprocessing) -> NDArray[np.float32]:
    """The row for a picture of a format that `PictureFile` reads: `width * height` numbers from 0 to 1.

    The edge of the picture decides which colour is the background, so that dark on light and light on dark both work,
    and the paper need not be white nor the ink black. A picture of the right size is used pixel by pixel.

    Raises:
        UnsupportedMediaType: the content is not a picture.
        InvalidInput: it is damaged, has too many pixels, or shows no glyph.
    """
    grey = _grey(content)
    size = (steps.height, steps.width)
    ground = float(np.median(np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])))
    ink = np.clip(ground - grey if ground > _MIDDLE else grey - ground, 0, 1)
    if ink.max() <= _FAINTEST:
        raise InvalidInput("there is no glyph in the picture", expected="dark ink on light ground, or light on dark")
    if ink.shape == size:
        ink = 1 - grey if ground > _MIDDLE else grey
    else:
        ink = _place(_fit(_cut_out(ink / ink.max()), steps.box), size)
    row = ink if steps.ink == "light" else 1 - ink
    return row.reshape(-1).astype(np.float32)


def _grey(content: bytes) -> NDArray[np.float64]:
    quieten_pillow()
    picture, _ = PictureFile(content, DEFAULT_LIMITS).upright()
    return np.asarray(on_ground(picture, "L", _WHITE), dtype=np.float64) / _WHITE


def _cut_out(ink: NDArray[np.float64]) -> NDArray[np.float64]:
    rows, columns = np.nonzero(ink > _FAINTEST)
    return ink[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def _fit(ink: NDArray[np.float64], box: int) -> NDArray[np.float64]:
    height, width = ink.shape
    scale = box / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = Image.fromarray((ink * 255).astype(np.uint8)).resize(size, Image.Resampling.LANCZOS)
    return np.asarray(picture, dtype=np.float64) / 255


def _place(ink: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float64]:
    field = np.zeros(size)
    mass = ink.sum() or 1.0
    top, left = (
        int(
            np.clip(
                round(whole / 2 - float((ink.sum(axis=1 - axis) * np.arange(length)).sum() / mass)), 0, whole - length
            )
        )
        for axis, (whole, length) in enumerate(zip(size, ink.shape, strict=True))
    )
    field[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return field
