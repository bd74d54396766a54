"""The limit: a runtime alone, one thread, in a loop: `python -m benchmarks.bench.raw_speed FILE SECONDS ROWS...`.

The file is weights for torch, or a graph for ONNX Runtime. Writes one line of JSON: rows per second by the number of
rows in a batch.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.perceptron import COLUMNS, Perceptron

Model = Callable[[NDArray[np.float32]], Any]


def rows_per_second(model: Model, rows: int, seconds: float) -> float:
    """How many rows the model answers in a second, so many at a time."""
    batch = np.random.default_rng(rows).random((rows, COLUMNS), dtype=np.float32)
    for _ in range(3):
        model(batch)
    runs, started = 0, time.perf_counter()
    while (passed := time.perf_counter() - started) < seconds:
        model(batch)
        runs += 1
    return runs * rows / passed


def _model(file: str) -> Model:
    if not file.endswith(".onnx"):
        os.environ["BENCH_WEIGHTS"] = file
        return Perceptron()
    import onnxruntime  # noqa: PLC0415  # only one of both is needed

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda rows: session.run(None, {name: rows})


def main(arguments: list[str]) -> None:
    """Measure each size of batch."""
    file, seconds, *sizes = arguments
    model = _model(file)
    found = {size: rows_per_second(model, int(size), float(seconds)) for size in sizes}
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
