"""Measures the runs of several models by turns, so that what else the machine does meets all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import NamedTuple

import numpy as np

from plimsoll.inference.payloads import Tensors
from plimsoll.runtime.loaded_model import LoadedModel

_SECONDS_OF_TURN = 0.1


class Spread(NamedTuple):
    """The median of some turns, and their quartiles: half of the turns lie between `low` and `high`."""

    median: float
    low: float
    high: float


def spread_of(values: Sequence[float]) -> Spread:
    """The spread of the values of some turns."""
    low, median, high = np.quantile(values, [0.25, 0.5, 0.75]).tolist()
    return Spread(median, low, high)


def measure_by_turns(
    models: Mapping[str, LoadedModel],
    rows_by_input: Tensors,
    sizes: Sequence[int],
    turns: int,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> dict[str, dict[int, list[float]]]:
    """Microseconds of every turn of each model by batch size. A turn counts its fastest run.

    Other work can only make a run slower. A batch that the server would run on the event loop runs on one thread, and
    any other on all threads of the model. `progress` hears of the turns that are done, and of all.
    """
    found: dict[str, dict[int, list[float]]] = {name: {rows: [] for rows in sizes} for name in models}
    done = 0
    for rows in sizes:
        for turn in range(turns):
            # Another one begins each time, because the first one finds the processor as the last one has left it.
            first = turn % len(models)
            for name in [*list(models)[first:], *list(models)[:first]]:
                found[name][rows].append(1e6 * _turn(models[name], rows_by_input, rows))
                done += 1
                progress(done, len(sizes) * turns * len(models))
    return found


def _turn(model: LoadedModel, rows_by_input: Tensors, rows: int) -> float:
    """Seconds of the fastest run of one turn."""
    shapes = tuple(tensor.shape[1:] for tensor in rows_by_input.values())
    inputs = model.new_batch(rows, shapes)
    of_signature = shapes if any(spec.open_dimensions for spec in model.signature.inputs) else ()
    inline = rows <= model.inline_rows(of_signature)
    fastest, end = float("inf"), time.perf_counter() + _SECONDS_OF_TURN
    with model.on_one_thread() if inline else nullcontext():
        while True:
            for name, tensor in rows_by_input.items():  # written again: a model may write into what it is given
                inputs[name][:] = np.take(tensor, np.arange(rows) % len(tensor), axis=0)
            started = time.perf_counter()
            model.run(inputs)
            fastest = min(fastest, time.perf_counter() - started)
            if time.perf_counter() > end:
                return fastest
