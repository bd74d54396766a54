"""What a peer is told of its tuning, in variables: the rows of a batch, and how long a batch waits for more."""

from __future__ import annotations

import os
from typing import NamedTuple


class Tuning(NamedTuple):
    """One choice of the sweep."""

    batch_rows: int
    wait_ms: float


def tuning() -> Tuning:
    """The tuning of this process, from `BENCH_BATCH_ROWS` and `BENCH_WAIT_MS`."""
    return Tuning(int(os.environ["BENCH_BATCH_ROWS"]), float(os.environ["BENCH_WAIT_MS"]))
