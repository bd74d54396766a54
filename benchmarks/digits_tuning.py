"""Tunes a bundle of the digits, as `plimsoll bundle tune` does, judged by digits that it has not learned from."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from plimsoll.bundle.folder import Bundle
from plimsoll.cli.tuning_run import Choices, Tuned, tune_bundle
from plimsoll.runtime.tuning.tuner import Progress, Rule
from plimsoll.settings import Settings

from benchmarks.large_model import Digits

ALLOWED_LOSS = 0.02
SIZES = (1, 8, 64)


def tune_by_digits(
    bundle: Bundle, digits: Digits, turns: int, settings: Settings, *, write: tuple[Path, str] | None = None
) -> Tuned:
    """Measure the candidates by so many turns; write the best one with a folder and a version to `write` it to."""
    with tempfile.TemporaryDirectory() as kept:
        rows = Path(kept) / "rows.npz"
        np.savez(rows, pixels=digits.pixels, label=digits.labels)
        folder, version = write or (Path(kept), "9")
        choices = Choices(
            version=version, folder=folder, evaluate=rows, label=None, rule=Rule(ALLOWED_LOSS, SIZES, turns),
            factories=(), trust_pt2=False, write=write is not None,
        )  # fmt: skip
        return tune_bundle(bundle, choices, settings, Progress())
