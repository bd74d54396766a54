"""Which digits are trained on, which ones choices are made by, and which ones the reported figures come from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.mnist_digits import CLASSES, Digits
from training.packages import DataError

HELD_OUT_PER_CLASS = 100
VALIDATION_PER_CLASS = 100


@dataclass(frozen=True)
class Split:
    """Row numbers of the package, ascending; no picture is in two of the three."""

    train: NDArray[np.int32]
    validation: NDArray[np.int32]
    held_out: NDArray[np.int32]

    def development(self) -> NDArray[np.int32]:
        """Everything that is not held out."""
        return np.sort(np.concatenate([self.train, self.validation]))


def picture_hashes(digits: Digits) -> list[str]:
    """The SHA-256 of every picture's pixels."""
    return [hashlib.sha256(row.tobytes()).hexdigest() for row in digits.pixels]


def split_digits(digits: Digits) -> Split:
    """Per class, the pictures with the lowest hashes are held out, the next ones validate and the rest train.

    A hash does not depend on the order of the package, and says nothing of how hard a picture is. Of pictures that
    are alike to the pixel only the first is used.
    """
    hashes = picture_hashes(digits)
    first_rows: dict[str, int] = {}
    for row, picture in enumerate(hashes):
        first_rows.setdefault(picture, row)
    train: list[int] = []
    validation: list[int] = []
    held_out: list[int] = []
    for label in range(CLASSES):
        rows = [row for _, row in sorted(first_rows.items()) if digits.labels[row] == label]
        held_out += rows[:HELD_OUT_PER_CLASS]
        validation += rows[HELD_OUT_PER_CLASS : HELD_OUT_PER_CLASS + VALIDATION_PER_CLASS]
        train += rows[HELD_OUT_PER_CLASS + VALIDATION_PER_CLASS :]
    split = Split(_ascending(train), _ascending(validation), _ascending(held_out))
    _require_disjoint(hashes, split)
    return split


def keep_held_out(digits: Digits, split: Split, file: Path) -> None:
    """Write the held-out set, or check that the one written before is the same.

    Raises:
        DataError: when `file` holds another set: figures reported before would not be comparable.
    """
    chosen = digits.take(split.held_out)
    if not file.exists():
        np.savez_compressed(file, pixels=chosen.pixels, labels=chosen.labels, indices=split.held_out)
        return
    with np.load(file, allow_pickle=False) as kept:
        same = (
            np.array_equal(kept["pixels"], chosen.pixels)
            and np.array_equal(kept["labels"], chosen.labels)
            and np.array_equal(kept["indices"], split.held_out)
        )
    if not same:
        raise DataError(f"{file} holds another held-out set than this code chooses")


def _ascending(rows: list[int]) -> NDArray[np.int32]:
    return np.sort(np.array(rows, dtype=np.int32))


def _require_disjoint(hashes: list[str], split: Split) -> None:
    parts = [{hashes[row] for row in rows} for rows in (split.train, split.validation, split.held_out)]
    if len(set().union(*parts)) != sum(len(part) for part in parts):
        raise DataError("a picture is in more than one part of the split")
