"""The microseconds of a batch by PyTorch and by ONNX Runtime, by turns.

Run by `python -m benchmarks.runtimes`. Each version of the digits model is exported, and both bundles are loaded as a
server loads them, with one thread of the CPU. A turn measures one of the two; the fastest of its runs counts, because
other work on the machine can only make a run slower. The table shows the median of the turns, and their range.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
from plimsoll.bundle.folder import open_bundle
from plimsoll.runtime.loaded_model import LoadedModel
from plimsoll.runtime.loader_options import LoaderOptions
from plimsoll.runtime.loading import new_loader
from plimsoll.runtime.onnx_export import export_bundle
from plimsoll.runtime.pytorch.onnx_export import export_graph

_DIGITS = Path(__file__).parents[1] / "models" / "digits"
_SIZES = (1, 8, 64)
_TURNS = 15
_SECONDS = 0.2
"""Of one turn."""


def main() -> int:
    """Measure both versions and print a table."""
    lines = ["| model | rows | PyTorch µs | ONNX Runtime µs | PyTorch / ONNX Runtime |", "|---|---|---|---|---|"]
    for version in ("1", "2"):
        models = _both(version)
        for rows in _SIZES:
            turns = [[_microseconds(model, rows) for model in models] for _ in range(_TURNS)]
            torch_times, onnx_times = zip(*turns, strict=True)
            ratio = statistics.median(torch_time / onnx_time for torch_time, onnx_time in turns)
            lines.append(f"| digits {version} | {rows} | {_range(torch_times)} | {_range(onnx_times)} | {ratio:.2f} |")
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _both(version: str) -> tuple[LoadedModel, LoadedModel]:
    """The model of a bundle, and that of its export."""
    loader = new_loader(LoaderOptions(threads=1), max_batch_rows=max(_SIZES), inline_budget_seconds=0)
    bundle = open_bundle(_DIGITS / version)
    with tempfile.TemporaryDirectory() as folder:
        exported = export_bundle(bundle, Path(folder), "3", loader, partial(export_graph, factories=()))
        return loader.load(bundle), loader.load(exported)


def _microseconds(model: LoadedModel, rows: int) -> float:
    batch = model.new_batch(rows)
    for tensor in batch.values():
        tensor[:] = np.random.default_rng(rows).random(tensor.shape, np.float32)
    fastest, end = float("inf"), time.perf_counter() + _SECONDS
    while time.perf_counter() < end:
        started = time.perf_counter()
        model.run(batch)
        fastest = min(fastest, time.perf_counter() - started)
    return fastest * 1e6


def _range(times: tuple[float, ...]) -> str:
    return f"{statistics.median(times):.0f} ({min(times):.0f} to {max(times):.0f})"


if __name__ == "__main__":
    sys.exit(main())
