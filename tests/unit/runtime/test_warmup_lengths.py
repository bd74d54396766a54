"""Warm-up of models whose rows are padded: each length by itself."""

from __future__ import annotations

import time
import tracemalloc

import numpy as np
import pytest
import torch
from plimsoll.errors import BundleError
from plimsoll.inference.padding import Padding
from plimsoll.inference.payloads import Signature, TensorSpec
from plimsoll.runtime.pytorch.torch_model import TorchModel
from plimsoll.runtime.warmup import warm_up
from torch import Tensor

IDS, MASK = TensorSpec("ids", "INT64", (-1, -1)), TensorSpec("mask", "INT64", (-1, -1))
SIGNATURE = Signature((IDS, MASK), (TensorSpec("y", "INT64", (-1,)),))
GOLDEN = {"ids": np.array([[1, 2, 3], [4, 5, 6]]), "mask": np.array([[1, 1, 1], [1, 1, 0]])}
SIZES = [1, 2, 4, 8]


class Metered:
    """A module on a clock of its own, on which each place takes as long as is said; keeps the shapes of its runs."""

    def __init__(self, seconds_per_place: float) -> None:
        self.seconds = 0.0
        self.shapes: list[tuple[int, int]] = []
        self.with_padding = False
        self._each = seconds_per_place

    def __call__(self, ids: Tensor, mask: Tensor) -> Tensor:
        self.seconds += self._each * ids.numel()
        rows, length = ids.shape
        self.shapes.append((rows, length))
        self.with_padding |= not bool(mask.all()) or not bool(ids.all())
        return ids.sum(1)


def warmed(
    monkeypatch: pytest.MonkeyPatch,
    lengths: tuple[int, ...],
    budget: float,
    seconds_per_place: float = 0.001,
    max_elements: int = 1 << 18,
    most_seconds: float = 3600,
) -> tuple[TorchModel, Metered, dict[int, float]]:
    module = Metered(seconds_per_place)
    monkeypatch.setattr(time, "perf_counter", lambda: module.seconds)
    model = TorchModel(module, SIGNATURE, torch.device("cpu"), 0)
    model.padding = Padding(SIGNATURE.inputs, lengths, {"ids": 0}, "mask")
    return model, module, warm_up(model, GOLDEN, SIZES, budget, max_elements, most_seconds)


def test_each_length_runs_at_each_size_without_padding_and_has_a_bound_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, module, seconds = warmed(monkeypatch, (2, 4, 16), budget=0.0085)
    assert set(module.shapes) == {(rows, length) for rows in SIZES for length in (2, 4, 16)}
    assert not module.with_padding
    assert [model.inline_rows(((length,), (length,))) for length in (2, 4, 16)] == [4, 2, 0]
    assert model.inline_rows() == 4
    assert seconds == {rows: pytest.approx(0.016 * rows) for rows in SIZES}


@pytest.mark.parametrize("shapes", [((3,), (3,)), ((2,), (4,)), ((32,), (32,))])
def test_shapes_that_were_not_warmed_never_run_on_the_event_loop(
    monkeypatch: pytest.MonkeyPatch, shapes: tuple[tuple[int, ...], ...]
) -> None:
    model, _, _ = warmed(monkeypatch, (2, 4), budget=3600)
    assert model.inline_rows(((4,), (4,))) == 8
    assert model.inline_rows(shapes) == 0


def test_a_batch_of_long_rows_has_no_more_elements_than_allowed_and_at_least_one_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, module, _ = warmed(monkeypatch, (2, 4, 16, 64), budget=3600, max_elements=100)
    largest = {length: max(rows for rows, each in module.shapes if each == length) for length in (2, 4, 16, 64)}
    assert largest == {2: 8, 4: 8, 16: 3, 64: 1}
    assert model.inline_rows(((16,), (16,))) == 3


def test_of_the_sizes_beyond_one_that_is_far_from_the_budget_only_the_largest_of_the_longest_rows_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, module, seconds = warmed(monkeypatch, (2, 4), budget=0.00025)
    assert [module.shapes.count((rows, 2)) for rows in SIZES] == [6, 6, 0, 0]
    assert [module.shapes.count((rows, 4)) for rows in SIZES] == [6, 0, 0, 1]
    assert list(seconds) == [1, 2, 8]


def test_lengths_for_which_there_is_no_time_are_left_out_but_for_the_largest_batch_of_the_longest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A place takes 1/8 s, so that the runs of length 2 end after 1 s, and those of length 4 after 2.5 s."""
    model, module, seconds = warmed(monkeypatch, (2, 4, 8), 0.001, seconds_per_place=0.125, most_seconds=2.4)
    assert module.shapes == [*[(1, 2)] * 4, *[(1, 4)] * 3, (8, 8)]
    assert [model.inline_rows(((length,), (length,))) for length in (2, 4, 8)] == [0, 0, 0]
    assert seconds == {1: 0.5, 8: 8.0}


def test_lengths_that_were_not_measured_never_run_on_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    model, module, _ = warmed(monkeypatch, (2, 4), budget=3600, most_seconds=0.0445)
    assert [shape for shape in module.shapes if shape[1] == 4] == [(1, 4), (8, 4)]
    assert [model.inline_rows(((length,), (length,))) for length in (2, 4)] == [4, 0]


def test_the_length_that_fails_is_named() -> None:
    def short(ids: Tensor, mask: Tensor) -> Tensor:
        if ids.shape == (4, 16):
            raise RuntimeError("too much")
        return (ids * mask).sum(1)

    model = TorchModel(short, SIGNATURE, torch.device("cpu"), 0)
    model.padding = Padding(SIGNATURE.inputs, (4, 16), {"ids": 0}, "mask")
    with pytest.raises(BundleError, match="the model fails on a batch of 4 rows of 16 places: it raised RuntimeError"):
        warm_up(model, GOLDEN, SIZES, 3600)


def test_only_the_golden_rows_of_a_batch_are_made_longer() -> None:
    """All 512 of them would take a gigabyte."""
    model = TorchModel(lambda ids, mask: ids.sum(1) + mask.sum(1), SIGNATURE, torch.device("cpu"), 0)
    model.padding = Padding(SIGNATURE.inputs, (1 << 15, 1 << 16), {"ids": 0}, "mask")
    golden = {"ids": np.arange(1024).reshape(512, 2), "mask": np.ones((512, 2), np.int64)}
    tracemalloc.start()
    try:
        warm_up(model, golden, SIZES, 0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20e6


def test_memory_that_runs_out_fails_the_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def out_of_memory(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Padding, "repeated", out_of_memory)
    with pytest.raises(
        BundleError, match="golden rows cannot be repeated to 4 places: it raised MemoryError"
    ) as caught:
        warmed(monkeypatch, (4,), budget=1)
    assert caught.value.check == "warm-up"
