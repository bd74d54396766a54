"""Composed scenes: real digits and garments pasted on a canvas, with the box of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training import fashion_mnist
from training.mnist_digits import CLASSES, SIDE, Digits

NAMES = (*(f"digit {digit}" for digit in range(CLASSES)), *fashion_mnist.NAMES)
"""The classes of objects, in the order of the labels."""
CANVAS = 128
_MOST_OBJECTS = 6
_SMALLEST, _LARGEST = 22, 46
"""Of the side to which a picture of 28 pixels is scaled."""
_FAINTEST = 25
_MOST_OVERLAP = 0.02
_TRIES = 30


@dataclass(frozen=True)
class Scene:
    """A canvas with its objects."""

    pixels: NDArray[np.uint8]
    """Shape [128, 128], light objects on a dark ground."""
    boxes: NDArray[np.float32]
    """Shape [objects, 4]: left, top, right, bottom in pixels of the canvas."""
    labels: NDArray[np.int64]


class SceneMaker:
    """Draws scenes of some digits and garments; the same seed gives the same scenes."""

    def __init__(self, digits: Digits, garments: Digits, seed: int) -> None:
        self._sources = (digits, garments)
        self._random = np.random.default_rng(seed)

    def scenes(self, count: int) -> list[Scene]:
        """The next scenes, of one to six objects each."""
        return [self._scene() for _ in range(count)]

    def _scene(self) -> Scene:
        random = self._random
        canvas = _ground(random)
        boxes: list[tuple[int, int, int, int]] = []
        labels: list[int] = []
        for _ in range(int(random.integers(1, _MOST_OBJECTS + 1))):
            label, picture = self._object()
            for _ in range(_TRIES):
                left, top = (int(random.integers(0, CANVAS - length + 1)) for length in reversed(picture.shape))
                box = (left, top, left + picture.shape[1], top + picture.shape[0])
                if all(overlap(np.array([box]), np.array([other]))[0, 0] <= _MOST_OVERLAP for other in boxes):
                    place = canvas[box[1] : box[3], box[0] : box[2]]
                    np.maximum(place, picture, out=place)
                    boxes.append(box)
                    labels.append(label)
                    break
        noisy = canvas + random.normal(0, random.uniform(0, 8), canvas.shape)
        return Scene(np.clip(noisy, 0, 255).astype(np.uint8), np.array(boxes, np.float32), np.array(labels, np.int64))

    def _object(self) -> tuple[int, NDArray[np.float64]]:
        """A label and a picture, scaled and cut to its ink."""
        random = self._random
        kind = int(random.integers(2))
        source = self._sources[kind]
        row = int(random.integers(len(source.labels)))
        side = int(random.integers(_SMALLEST, _LARGEST + 1))
        whole = Image.fromarray(source.pixels[row].reshape(SIDE, SIDE)).resize((side, side), Image.Resampling.BILINEAR)
        pixels = np.asarray(whole, np.float64) * random.uniform(0.75, 1)
        rows, columns = np.nonzero(pixels > _FAINTEST)
        cut = pixels[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        return int(source.labels[row]) + kind * CLASSES, cut


def _ground(random: np.random.Generator) -> NDArray[np.float64]:
    """A dark ground whose grey changes from one side to the other."""
    first, second = random.uniform(0, 70, 2)
    across = np.linspace(first, second, CANVAS)
    ground = np.broadcast_to(across, (CANVAS, CANVAS)).copy()
    return ground if random.integers(2) else ground.T.copy()


def overlap(first: NDArray[np.number], second: NDArray[np.number]) -> NDArray[np.float64]:
    """The intersection over the union of each box with each other one, [first, second]."""
    corner = np.maximum(first[:, None, :2], second[None, :, :2])
    opposite = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.clip(opposite - corner, 0, None).prod(axis=2)
    areas = [(boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) for boxes in (first, second)]
    return np.asarray(shared / (areas[0][:, None] + areas[1][None, :] - shared))


def enlarged(scenes: Sequence[Scene], times: int) -> list[Scene]:
    """The same scenes with each pixel repeated, as pictures of another size."""
    return [
        Scene(scene.pixels.repeat(times, axis=0).repeat(times, axis=1), scene.boxes * times, scene.labels)
        for scene in scenes
    ]
