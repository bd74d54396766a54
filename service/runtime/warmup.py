"""The first runs of a model: they pay what only first runs pay, and measure what later ones cost."""

from __future__ import annotations

import time
from collections.abc import Sequence

from service.inference.payloads import Tensors
from service.runtime.torch_model import TorchModel

_REPEATS = 5


def warm_up(model: TorchModel, batch_sizes: Sequence[int], inline_budget_seconds: float) -> dict[int, float]:
    """Run every batch size and set `model.inline_rows` to the largest that stays within the budget.

    Each size runs once to warm and five times to be measured; the fastest counts, since other work on the machine can
    only make a run slower. Returns seconds by batch size.
    """
    seconds: dict[int, float] = {}
    model.inline_rows = 0
    for rows in sorted(batch_sizes):
        inputs = model.new_batch(rows)
        for tensor in inputs.values():
            tensor.fill(0)
        model.run(inputs)
        seconds[rows] = min(_timed(model, inputs) for _ in range(_REPEATS))
        if seconds[rows] <= inline_budget_seconds:
            model.inline_rows = rows
    return seconds


def _timed(model: TorchModel, inputs: Tensors) -> float:
    started = time.perf_counter()
    model.run(inputs)
    return time.perf_counter() - started
