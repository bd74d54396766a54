"""The heavy model as `plimsoll bundle tune` makes it of its bundle, on one thread, once."""

from __future__ import annotations

from pathlib import Path

from plimsoll.bundle.folder import open_bundle
from plimsoll.bundle.manifest import MANIFEST_FILE
from plimsoll.cli import tuning_run
from plimsoll.runtime import tuning
from plimsoll.settings import load_settings

from benchmarks import digits_tuning
from benchmarks.bench.environments import CACHE
from benchmarks.bench.made_once import make_once
from benchmarks.bench.workloads import HEAVY
from benchmarks.large_model import judging_digits

TUNED_HEAVY = CACHE / "tuned" / HEAVY.name / "2"
_TURNS = 7


def make_tuned_heavy() -> None:
    """Write the bundle, unless it is there as this code makes it of the bundle of the heavy model.

    Raises:
        RuntimeError: no candidate is faster than the bundle that there is.
    """
    code = [*Path(tuning_run.__file__).parent.glob("tuning*.py"), *Path(tuning.__file__).parent.glob("*.py")]
    own = [Path(digits_tuning.__file__), Path(__file__)]
    make_once(TUNED_HEAVY, [HEAVY.bundle / MANIFEST_FILE, *own, *sorted(code)], _tune)


def _tune() -> None:
    place, settings = (TUNED_HEAVY.parents[1], TUNED_HEAVY.name), load_settings(torch_threads=1)
    bundle, digits = open_bundle(HEAVY.bundle), judging_digits()
    tuned = digits_tuning.tune_by_digits(bundle, digits, _TURNS, settings, write=place)
    if tuned.written is None:
        raise RuntimeError("no candidate is faster than the heavy model's own bundle")
