"""The limit: torch alone, one thread, in a loop. `python -m benchmarks.bench.raw_torch WEIGHTS SECONDS ROWS...`.

Writes one line of JSON: rows per second by the number of rows in a batch.
"""

from __future__ import annotations

import json
import os
import sys
import time

import numpy as np

from benchmarks.peers.perceptron import COLUMNS, Perceptron


def rows_per_second(model: Perceptron, rows: int, seconds: float) -> float:
    """How many rows the model answers in a second, so many at a time."""
    batch = np.random.default_rng(rows).random((rows, COLUMNS), dtype=np.float32)
    for _ in range(3):
        model(batch)
    runs, started = 0, time.perf_counter()
    while (passed := time.perf_counter() - started) < seconds:
        model(batch)
        runs += 1
    return runs * rows / passed


def main(arguments: list[str]) -> None:
    """Measure each size of batch."""
    os.environ["BENCH_WEIGHTS"], seconds, *sizes = arguments
    model = Perceptron()
    found = {size: rows_per_second(model, int(size), float(seconds)) for size in sizes}
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
