"""Pictures and request bodies to try a served model with, made of held-out digits."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.mnist_digits import CLASSES, SIDE, Digits

JSON_DIGIT = 7
DECIMALS = 4

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Drawing:
    """How a digit would look on the canvas of a drawing program."""

    digit: int
    canvas: tuple[int, int]
    """Width and height."""
    glyph: int
    """The side that the 28 x 28 picture is enlarged to."""
    corner: tuple[int, int]
    """Where the enlarged picture's upper left corner lies."""
    ink: Colour
    ground: Colour


DRAWINGS = (
    Drawing(3, canvas=(200, 200), glyph=112, corner=(8, 70), ink=(17, 17, 17), ground=(255, 255, 255)),
    Drawing(5, canvas=(320, 240), glyph=140, corner=(168, 4), ink=(24, 38, 110), ground=(246, 242, 230)),
)


def write_examples(folder: Path, digits: Digits, opinions: list[NDArray[np.float32]]) -> None:
    """Write one digit of every class, a few of them also as drawings and one as a JSON body.

    `opinions` are the probabilities that each model gives for `digits`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pictures = [digits.pixels[_surest(label, digits, opinions)].reshape(SIDE, SIDE) for label in range(CLASSES)]
    for label, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / f"{label}.png", optimize=True)
    for drawing in DRAWINGS:
        _draw(drawing, pictures[drawing.digit]).save(folder / f"drawing-{drawing.digit}.png", optimize=True)
    features = [round(float(level) / 255, DECIMALS) for level in pictures[JSON_DIGIT].reshape(-1)]
    body = json.dumps({"features": [0 if share == 0 else share for share in features]}, separators=(",", ":"))
    (folder / f"{JSON_DIGIT}.json").write_text(body + "\n")


def _surest(label: int, digits: Digits, opinions: list[NDArray[np.float32]]) -> int:
    """The row of this class that the less sure of the models is most sure of."""
    rows = np.flatnonzero(digits.labels == label)
    least = np.min([shares[rows, label] for shares in opinions], axis=0)
    row = int(rows[least.argmax()])
    if any(int(shares[row].argmax()) != label for shares in opinions):
        raise ValueError(f"no digit {label} is classified correctly by every model")
    return row


def _draw(drawing: Drawing, picture: NDArray[np.uint8]) -> Image.Image:
    canvas = Image.new("RGB", drawing.canvas, drawing.ground)
    strokes = Image.fromarray(picture).resize((drawing.glyph, drawing.glyph), Image.Resampling.BICUBIC)
    crisp = strokes.point([min(255, max(0, (level - 96) * 4)) for level in range(256)])
    canvas.paste(drawing.ink, drawing.corner, crisp)
    return canvas
