"""The held-out digits as files of rows with their labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

HELD_OUT = Path(__file__).parents[2] / "training" / "digits-heldout.npz"


def held_out() -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """The rows as the digits models take them, 100 of each class, in an order that mixes the classes; and labels."""
    with np.load(HELD_OUT, allow_pickle=False) as archive:
        order = np.random.default_rng(0).permutation(len(archive["labels"]))
        return (archive["pixels"][order] / 255).astype(np.float32), archive["labels"][order]


def write_held_out(file: Path, rows: int = 1000) -> Path:
    """Write so many of them into a `.npz`."""
    pixels, labels = held_out()
    np.savez(file, pixels=pixels[:rows], label=labels[:rows])
    return file
