"""How each peer is tuned: the best of a sweep, as the committed file beside this one says. Written by `bench.sweep`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.peers.tuning import Tuning

FILE = Path(__file__).with_name("tunings.json")
DEFAULT = Tuning(64, 2)
"""Of a peer that no sweep has tried."""
BATCHES, WAITS = (1, 16, 64), (0, 1, 2, 5)


class Trial(NamedTuple):
    """What a peer reached with a tuning: requests per second by connections; none, and why, where it did not run."""

    tuning: Tuning
    per_second: Mapping[str, float]
    fault: str = ""

    @property
    def score(self) -> float:
        """The geometric mean over all connections, so that few and many clients count alike."""
        speeds = self.per_second.values()
        return math.prod(speeds) ** (1 / len(speeds)) if speeds else 0.0


def grid(waits: Sequence[int]) -> list[Tuning]:
    """All tunings of a peer that knows these waits; batches of one row wait for nothing."""
    return [Tuning(1, 0), *(Tuning(rows, wait) for rows in BATCHES if rows > 1 for wait in waits)]


def best(trials: Sequence[Trial]) -> Trial | None:
    """The trial with the highest score; none where none ran."""
    return max((trial for trial in trials if trial.per_second), key=lambda trial: trial.score, default=None)


def chosen(document: Mapping[str, Any], workload: str, peer: str) -> Tuning | None:
    """What the file says of a peer on a workload."""
    found = document.get(workload, {}).get(peer)
    return None if found is None else Tuning(int(found["batch_rows"]), float(found["wait_ms"]))


def words(found: Tuning | None) -> str:
    """A tuning for people; none is that of a peer that no sweep has tried."""
    rows, wait = found or DEFAULT
    return f"up to {rows} rows, {wait:g} ms" + ("" if found else " (not swept)")


def read(path: Path = FILE) -> dict[str, Any]:
    """The file; empty where no sweep was committed."""
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def record(document: dict[str, Any], workload: str, peer: str, trials: Sequence[Trial], occasion: str) -> None:
    """Write the best trial into the document, with all that were tried."""
    found = best(trials)
    if found is None:
        return
    document.setdefault(workload, {})[peer] = {
        **_numbers(found.tuning),
        "swept": occasion,
        "tried": [
            {
                **_numbers(trial.tuning),
                "per_second": {name: round(speed, 1) for name, speed in trial.per_second.items()},
            }
            | ({"fault": trial.fault} if trial.fault else {})
            for trial in trials
        ],
    }


def _numbers(tuning: Tuning) -> dict[str, float]:
    return {"batch_rows": tuning.batch_rows, "wait_ms": tuning.wait_ms}
