"""The first runs of a model: they pay what only first runs pay, and measure what later ones cost."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from plimsoll.inference.payloads import Tensors
from plimsoll.runtime.foreign_code import foreign_code
from plimsoll.runtime.loaded_model import LoadedModel

_REPEATS = 5
_WORTH_A_TRY = 10
"""On one thread a small batch may be this many times faster than on several, which mostly wait for each other."""
_SLOW_SECONDS = 0.5
"""A batch that takes longer is far from any inline budget, and larger ones are as well: each is run once."""


def batch_sizes_up_to(largest: int) -> list[int]:
    """Powers of two, and the largest."""
    return [*(1 << power for power in range((largest - 1).bit_length())), largest]


def warm_up(
    model: LoadedModel, rows_by_input: Tensors, batch_sizes: Sequence[int], inline_budget_seconds: float
) -> dict[int, float]:
    """Run every batch size and set `model.warmed_inline_rows` to the largest that stays within the budget.

    The batches are made of golden rows, `rows_by_input` of shape [rows, ...], repeated as often as it takes: a model
    may refuse zeros, or be faster on them. Each size runs once to warm and up to five times to be measured; the
    fastest counts, since other work on the machine can only make a run slower. On the event loop a run has one thread,
    so a size that may belong there is measured on one. Where the signature leaves dimensions open, nothing runs on the
    event loop, because a longer row than the golden ones takes more time.

    Returns seconds by batch size, where it will run.

    Raises:
        BundleError: with check `warm-up`, when the model fails on a batch size; the message names it.
    """
    seconds: dict[int, float] = {}
    model.warmed_inline_rows = 0
    measured_for_all = not any(spec.open_dimensions for spec in model.signature.inputs)
    several_threads = model.threads > 1
    for rows in sorted(batch_sizes):
        slow = max(seconds.values(), default=0) > _SLOW_SECONDS
        with foreign_code("warm-up", f"the model fails on a batch of {rows} rows"):
            first = _timed(model, rows_by_input, rows)
            seconds[rows] = first if slow else _fastest(model, rows_by_input, rows)
            alone = seconds[rows]
            if measured_for_all and several_threads and alone <= _WORTH_A_TRY * inline_budget_seconds:
                with model.on_one_thread():
                    alone = _fastest(model, rows_by_input, rows)
        if measured_for_all and alone <= inline_budget_seconds:
            seconds[rows] = alone
            model.warmed_inline_rows = rows
    return seconds


def _fastest(model: LoadedModel, rows_by_input: Tensors, rows: int) -> float:
    fastest = _timed(model, rows_by_input, rows)
    for _ in range(_REPEATS - 1):
        if fastest > _SLOW_SECONDS:
            break
        fastest = min(fastest, _timed(model, rows_by_input, rows))
    return fastest


def _timed(model: LoadedModel, rows_by_input: Tensors, rows: int) -> float:
    """Seconds of one run; its rows are written before, since a model may write into what it is given."""
    inputs = model.new_batch(rows, tuple(tensor.shape[1:] for tensor in rows_by_input.values()))
    for name, tensor in rows_by_input.items():
        inputs[name][:] = np.take(tensor, np.arange(rows) % len(tensor), axis=0)
    started = time.perf_counter()
    model.run(inputs)
    return time.perf_counter() - started
