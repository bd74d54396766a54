"""The first runs of a model: they pay what only first runs pay, and measure what later ones cost."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from plimsoll.inference.batch_limits import MAX_ELEMENTS
from plimsoll.inference.batch_queue import elements_of_row
from plimsoll.inference.payloads import Tensors
from plimsoll.inference.ports import Shapes
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


class _Form(NamedTuple):
    """Rows of one shape, which may have a bound of their own; `shapes` is empty where the signature fixes it.

    `length` is that to which rows are padded, and `None` where they are not.
    """

    shapes: Shapes
    rows_by_input: Tensors
    length: int | None = None

    def sizes(self, batch_sizes: Sequence[int], max_elements: int) -> list[int]:
        """The batch sizes in ascending order, up to that with the most elements."""
        most = max(1, max_elements // elements_of_row(self.shapes)) if self.shapes else max(batch_sizes)
        return sorted({min(size, most) for size in batch_sizes})

    def words(self, rows: int) -> str:
        """A batch of so many rows, in words."""
        return f"a batch of {rows} rows{'' if self.length is None else f' of {self.length} places'}"


def warm_up(
    model: LoadedModel,
    rows_by_input: Tensors,
    batch_sizes: Sequence[int],
    inline_budget_seconds: float,
    max_elements: int = MAX_ELEMENTS,
) -> dict[int, float]:
    """Run every batch size and set `model.warmed_inline_rows` to the largest that stays within the budget.

    The batches are made of golden rows, `rows_by_input` of shape [rows, ...], repeated as often as it takes: a model
    may refuse zeros, or be faster on them. Each size runs once to warm and up to five times to be measured; the
    fastest counts, since other work on the machine can only make a run slower. On the event loop a run has one thread,
    so a size that may belong there is measured on one.

    Where the signature leaves dimensions open, only rows of the golden shape may run on the event loop. Where rows are
    padded, each length to which they are padded is warmed and placed by itself, with rows that have no padding, and
    with at most `max_elements` in a batch. To bound the time, a size of it that is far beyond the budget is measured by
    one run, and once a size is slow, of the larger ones only the largest runs.

    Returns seconds by batch size, where it will run; of several lengths the slowest.

    Raises:
        BundleError: with check `warm-up`, when the model fails on a batch size; the message names it.
    """
    slowest: dict[int, float] = {}
    placed: dict[Shapes, int] = {}
    model.warmed_inline_rows = {}
    for form in _forms(model, rows_by_input, batch_sizes, max_elements):
        seconds, placed[form.shapes] = _measure(
            model, form, form.sizes(batch_sizes, max_elements), inline_budget_seconds
        )
        slowest |= {size: max(each, slowest.get(size, 0.0)) for size, each in seconds.items()}
    model.warmed_inline_rows = {**placed, (): max(placed.values())}
    return dict(sorted(slowest.items()))


def _forms(model: LoadedModel, golden: Tensors, batch_sizes: Sequence[int], max_elements: int) -> Iterator[_Form]:
    """The forms one by one: of each length only as many golden rows are made as its largest batch has."""
    padding, specs = model.padding, model.signature.inputs
    if padding is not None:
        for length in padding.lengths:
            form = _Form(padding.shapes(length), golden, length)
            most = max(form.sizes(batch_sizes, max_elements))
            with foreign_code("warm-up", f"golden rows cannot be repeated to {length} places"):  # memory may run out
                rows = padding.repeated({name: tensor[:most] for name, tensor in golden.items()}, length)
            yield form._replace(rows_by_input=rows)
    elif any(spec.open_dimensions for spec in specs):
        yield _Form(tuple(golden[spec.name].shape[1:] for spec in specs), golden)
    else:
        yield _Form((), golden)


def _measure(
    model: LoadedModel, form: _Form, sizes: Sequence[int], inline_budget_seconds: float
) -> tuple[dict[int, float], int]:
    """Seconds by batch size, and the most rows that stay within the budget."""
    seconds: dict[int, float] = {}
    inline_rows = 0
    several_threads, of_many = model.threads > 1, form.length is not None
    for rows in sizes:
        slowest = max(seconds.values(), default=0)
        if of_many and slowest > _SLOW_SECONDS and rows != sizes[-1]:
            continue
        repeats = 1 if of_many and slowest > _WORTH_A_TRY * inline_budget_seconds else _REPEATS
        with foreign_code("warm-up", f"the model fails on {form.words(rows)}"):
            first = _timed(model, form.rows_by_input, rows)
            seconds[rows] = first if slowest > _SLOW_SECONDS else _fastest(model, form.rows_by_input, rows, repeats)
            alone = seconds[rows]
            if several_threads and alone <= _WORTH_A_TRY * inline_budget_seconds:
                with model.on_one_thread():
                    alone = _fastest(model, form.rows_by_input, rows)
        if alone <= inline_budget_seconds:
            seconds[rows] = alone
            inline_rows = rows
    return seconds, inline_rows


def _fastest(model: LoadedModel, rows_by_input: Tensors, rows: int, repeats: int = _REPEATS) -> float:
    fastest = _timed(model, rows_by_input, rows)
    for _ in range(repeats - 1):
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
