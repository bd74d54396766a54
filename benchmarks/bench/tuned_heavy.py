"""The heavy model as `plimsoll bundle tune` makes it of its bundle, on one thread, once."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from plimsoll.bundle.folder import open_bundle
from plimsoll.bundle.manifest import MANIFEST_FILE
from plimsoll.cli import tuning_run
from plimsoll.cli.tuning_run import Choices, tune_bundle
from plimsoll.runtime import tuning
from plimsoll.runtime.tuning.tuner import Progress, Rule
from plimsoll.settings import load_settings

from benchmarks.bench.environments import CACHE
from benchmarks.bench.made_once import make_once
from benchmarks.bench.workloads import HEAVY
from benchmarks.large_model import judging_digits

TUNED_HEAVY = CACHE / "tuned" / HEAVY.name / "2"
_ALLOWED_LOSS = 0.02
_SIZES = (1, 8, 64)
_TURNS = 7


def make_tuned_heavy() -> None:
    """Write the bundle, unless it is there as this code makes it of the bundle of the heavy model.

    Raises:
        RuntimeError: no candidate is faster than the bundle that there is.
    """
    code = [*Path(tuning_run.__file__).parent.glob("tuning*.py"), *Path(tuning.__file__).parent.glob("*.py")]
    make_once(TUNED_HEAVY, [HEAVY.bundle / MANIFEST_FILE, Path(__file__), *sorted(code)], _tune)


def _tune() -> None:
    digits = judging_digits()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.npz"
        np.savez(file, pixels=digits.pixels, label=digits.labels)
        choices = Choices(
            version=TUNED_HEAVY.name, folder=TUNED_HEAVY.parents[1], evaluate=file, label=None,
            rule=Rule(_ALLOWED_LOSS, _SIZES, _TURNS), factories=(), trust_pt2=False, write=True,
        )  # fmt: skip
        tuned = tune_bundle(open_bundle(HEAVY.bundle), choices, load_settings(torch_threads=1), Progress())
    if tuned.written is None:
        raise RuntimeError("no candidate is faster than the heavy model's own bundle")
