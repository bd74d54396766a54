"""Rows per second of a small transformer whose rows differ in length, padded and not padded.

Run it by hand: `python -m benchmarks.mixed_lengths`. Clients in the same process each send one row after the other
through the task and the lane, without HTTP. Both ways run by turns in one process; the median of each is printed.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import Any

import numpy as np
import orjson
import torch
from plimsoll.bundle.padding_options import padding_of
from plimsoll.inference.admission import AdmissionLimits
from plimsoll.inference.batch_lane import BatchLane, LaneLimits, Unobserved
from plimsoll.inference.batch_limits import BatchLimits
from plimsoll.inference.model_thread import ModelThread
from plimsoll.inference.payloads import BatchReport, Signature, TensorSpec
from plimsoll.runtime.pytorch.torch_model import TorchModel
from plimsoll.runtime.threads import limit_threads
from plimsoll.runtime.warmup import batch_sizes_up_to, warm_up
from plimsoll.tasks.tensors import TensorTask

from tests.doubles.masked_transformer import CLASSES, PADDING, WORDS, MaskedTransformer

_SHORTEST, _LONGEST = 5, 128
_MAX_ROWS = 128
_BUDGET_SECONDS = 0.001
_WAYS: dict[str, dict[str, Any]] = {"padded": {"padding": PADDING}, "not padded": {}}


@dataclass
class _Counted(Unobserved):
    """Adds up the batches of a run."""

    cpu_seconds: float = 0.0
    rows: int = 0
    elements: int = 0
    padding: int = 0
    sizes: list[int] = field(default_factory=list)

    def batch_finished(self, report: BatchReport) -> None:
        """One more batch."""
        self.rows += report.rows
        self.elements += report.elements
        self.padding += report.padding
        self.sizes.append(report.rows)


class _Way:
    """The model served with or without padding."""

    def __init__(self, width: int, options: dict[str, Any], threads: int) -> None:
        torch.manual_seed(0)
        module = MaskedTransformer(width=width).eval()
        ids, mask = (TensorSpec(name, "INT64", (-1, -1)) for name in ("input_ids", "attention_mask"))
        outputs = (TensorSpec("scores", "FP32", (-1, CLASSES)), TensorSpec("states", "FP32", (-1, -1, width)))
        signature = Signature((ids, mask), outputs)
        self.task = TensorTask(signature, options)
        self._threads = threads
        self._model = TorchModel(module, signature, torch.device("cpu"), 0)
        self._model.padding = padding_of(signature, options)
        golden = np.random.default_rng(0).integers(1, WORDS, (5, 20))
        limit_threads(threads)
        started = time.perf_counter()
        warm_up(
            self._model,
            {"input_ids": golden, "attention_mask": np.ones_like(golden)},
            batch_sizes_up_to(_MAX_ROWS),
            _BUDGET_SECONDS,
        )
        self.warm_seconds = time.perf_counter() - started

    async def run(self, bodies: list[bytes], clients: int) -> tuple[float, _Counted]:
        """Rows per second over all bodies, and what was counted."""
        counted = _Counted()
        limits = LaneLimits(AdmissionLimits(clients, 1 << 30), BatchLimits(_MAX_ROWS, 0.0), _BUDGET_SECONDS)
        limit_threads(1)
        thread = ModelThread("inference", partial(limit_threads, self._threads))
        lane = BatchLane(self._model, limits, counted, thread)
        waiting = iter(bodies)
        started, cpu_started = time.perf_counter(), time.process_time()
        await asyncio.gather(*(self._client(lane, waiting) for _ in range(clients)))
        seconds, counted.cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
        lane.close()
        return len(bodies) / seconds, counted

    async def _client(self, lane: BatchLane, waiting: Any) -> None:  # noqa: ANN401  # an iterator that clients share
        for body in waiting:
            question = self.task.read(body)
            entry = lane.reserve(question.rows, question.shapes)
            entry.padding = question.padding
            question.write(entry.inputs)
            outputs = await lane.answer(entry, asyncio.get_running_loop().time() + 60, _never)
            orjson.dumps(self.task.results(question, outputs), option=orjson.OPT_SERIALIZE_NUMPY)


def _never() -> Awaitable[None]:
    return asyncio.get_running_loop().create_future()


def _bodies(rows: int) -> list[bytes]:
    rng = np.random.default_rng(1)
    bodies = []
    for length in rng.integers(_SHORTEST, _LONGEST + 1, rows):
        row = {"input_ids": rng.integers(1, WORDS, length).tolist(), "attention_mask": [1] * int(length)}
        bodies.append(orjson.dumps({"inputs": row}))
    return bodies


def main() -> None:
    """Print a line for each way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--turns", type=int, default=5)
    chosen = parser.parse_args()
    bodies = _bodies(chosen.rows)
    ways = {name: _Way(chosen.width, options, chosen.threads) for name, options in _WAYS.items()}
    rates: dict[str, list[float]] = {name: [] for name in ways}
    cpu: dict[str, list[float]] = {name: [] for name in ways}
    counted = _Counted()
    for _ in range(chosen.turns):
        for name, way in ways.items():
            rate, seen = asyncio.run(way.run(bodies, chosen.clients))
            rates[name].append(rate)
            cpu[name].append(seen.cpu_seconds / len(bodies) * 1000)
            if name == "padded":
                counted = seen
    for name, way in ways.items():
        spread = f"{min(rates[name]):.0f} to {max(rates[name]):.0f}"
        print(  # noqa: T201
            f"{name:10}: {median(rates[name]):.0f} rows/s ({spread}), {median(cpu[name]):.2f} ms of CPU a row, warm-up "
            f"{way.warm_seconds:.1f} s"
        )
    print(  # noqa: T201
        f"padding is {counted.padding / counted.elements:.0%} of the elements; {counted.rows / len(counted.sizes):.1f} "
        "rows a batch"
    )


if __name__ == "__main__":
    main()
