"""The first runs of a model: they pay what only first runs pay, and measure what later ones cost."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

from plimsoll.inference.batch_limits import MAX_ELEMENTS, most_rows
from plimsoll.inference.payloads import Tensors
from plimsoll.inference.ports import Shapes
from plimsoll.runtime.foreign_code import foreign_code
from plimsoll.runtime.loaded_model import LoadedModel

MOST_SECONDS = 10.0
"""The time after which warm-up begins no further run, where no setting says otherwise."""
_REPEATS = 5
_FAR = 10
"""A size that takes this many times the inline budget does not belong on the event loop, nor does any larger one."""
_SLOW_SECONDS = 0.5
"""No size is repeated for longer."""


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
        most = most_rows(self.shapes, max(batch_sizes), max_elements)
        return sorted({min(size, most) for size in batch_sizes})

    def filled(self, model: LoadedModel, most: int) -> _Form:
        """The form with golden rows of its length, as many as a batch of `most` rows has."""
        if model.padding is None or self.length is None:
            return self
        few = {name: tensor[:most] for name, tensor in self.rows_by_input.items()}
        with foreign_code("warm-up", f"golden rows cannot be repeated to {self.length} places"):  # memory may run out
            return self._replace(rows_by_input=model.padding.repeated(few, self.length))

    def words(self, rows: int) -> str:
        """A batch of so many rows, in words."""
        return f"a batch of {rows} rows{'' if self.length is None else f' of {self.length} places'}"


class _Time:
    """The time that a warm-up may take."""

    def __init__(self, seconds: float) -> None:
        self._ends_at = time.perf_counter() + seconds

    def is_enough_for(self, seconds: float) -> bool:
        """Whether a run of that length would end in time."""
        return time.perf_counter() + seconds < self._ends_at


def warm_up(
    model: LoadedModel,
    rows_by_input: Tensors,
    batch_sizes: Sequence[int],
    inline_budget_seconds: float,
    max_elements: int = MAX_ELEMENTS,
    most_seconds: float = MOST_SECONDS,
) -> dict[int, float]:
    """Run the batch sizes and set `model.warmed_inline_rows` to the largest that stays within the inline budget.

    The batches are made of golden rows, `rows_by_input` of shape [rows, ...], repeated as often as it takes: a model
    may refuse zeros, or be faster on them. A size that may belong on the event loop runs once to warm, and then up to
    five times on one thread, as there; the fastest counts, since other work on the machine can only make a run slower.
    Sizes that are far from the budget run once.

    Where the signature leaves dimensions open, only rows of the golden shape may run on the event loop. Where rows are
    padded, each length to which they are padded is warmed and placed by itself, with rows that have no padding, and
    with at most `max_elements` in a batch. Beyond a size that is far from the budget no larger one of its length runs:
    many lengths at many sizes would take long, and what they need has been loaded by then.

    A size runs only if it is expected to end within `most_seconds` of the start, in proportion to the rows of the size
    before. Two run in any case: the first one, and where rows are padded, the largest batch of the longest rows, which
    needs the most memory. The largest batch of other models has run by then, to prove `independence`. Sizes and lengths
    that are left out never run on the event loop.

    Returns seconds by batch size, where it will run; of several lengths the slowest.

    Raises:
        BundleError: with check `warm-up`, when the model fails on a batch size; the message names it.
    """
    left = _Time(most_seconds)
    slowest: dict[int, float] = {}
    placed: dict[Shapes, int] = {}
    model.warmed_inline_rows = {}
    forms = _forms(model, rows_by_input)
    for form in forms:
        sizes = form.sizes(batch_sizes, max_elements)
        must = set(sizes[:1] if form is forms[0] else ())
        if form is forms[-1] and form.length is not None:
            must.add(sizes[-1])
        if must or left.is_enough_for(0):
            filled = form.filled(model, sizes[-1])
            seconds, placed[form.shapes] = _measure(model, filled, sizes, must, inline_budget_seconds, left)
            slowest |= {size: max(each, slowest.get(size, 0.0)) for size, each in seconds.items()}
    model.warmed_inline_rows = {**placed, (): max(placed.values())}
    return dict(sorted(slowest.items()))


def _forms(model: LoadedModel, golden: Tensors) -> list[_Form]:
    """The forms in ascending order of what a row costs; golden rows are not yet as long as they have to be."""
    padding, specs = model.padding, model.signature.inputs
    if padding is not None:
        return [_Form(padding.shapes(length), golden, length) for length in padding.lengths]
    if any(spec.open_dimensions for spec in specs):
        return [_Form(tuple(golden[spec.name].shape[1:] for spec in specs), golden)]
    return [_Form((), golden)]


def _measure(
    model: LoadedModel,
    form: _Form,
    sizes: Sequence[int],
    must: Collection[int],
    inline_budget_seconds: float,
    left: _Time,
) -> tuple[dict[int, float], int]:
    """Seconds by batch size, and the most rows that stay within the budget. Sizes in `must` run, whatever it takes."""
    seconds: dict[int, float] = {}
    inline_rows = 0
    last_rows, last = 1, 0.0
    for rows in sizes:
        far = last > _FAR * inline_budget_seconds
        if rows not in must and ((far and form.length is not None) or not left.is_enough_for(last * rows / last_rows)):
            continue
        with foreign_code("warm-up", f"the model fails on {form.words(rows)}"):
            seconds[rows] = _timed(model, form.rows_by_input, rows)
            if not far and left.is_enough_for(seconds[rows]):
                alone = _alone(model, form.rows_by_input, rows, inline_budget_seconds)
                if alone <= inline_budget_seconds:
                    inline_rows = rows
                if alone <= inline_budget_seconds or model.threads == 1:
                    seconds[rows] = alone
                elif alone < seconds[rows]:  # it was the first run that took so long
                    seconds[rows] = min(seconds[rows], _timed(model, form.rows_by_input, rows))
        last_rows, last = rows, max(last, seconds[rows])
    return seconds, inline_rows


def _alone(model: LoadedModel, rows_by_input: Tensors, rows: int, enough_seconds: float) -> float:
    """Seconds of the fastest of up to five runs on one thread; of no more once one is fast enough."""
    fastest, spent = math.inf, 0.0
    with model.on_one_thread():
        for _ in range(_REPEATS):
            seconds = _timed(model, rows_by_input, rows)
            fastest, spent = min(fastest, seconds), spent + seconds
            if fastest <= enough_seconds or spent > _SLOW_SECONDS:
                break
    return fastest


def _timed(model: LoadedModel, rows_by_input: Tensors, rows: int) -> float:
    """Seconds of one run; its rows are written before, since a model may write into what it is given."""
    inputs = model.new_batch(rows, tuple(tensor.shape[1:] for tensor in rows_by_input.values()))
    for name, tensor in rows_by_input.items():
        inputs[name][:] = np.take(tensor, np.arange(rows) % len(tensor), axis=0)
    started = time.perf_counter()
    model.run(inputs)
    return time.perf_counter() - started
