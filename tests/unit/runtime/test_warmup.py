from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
import torch

from service.runtime.torch_model import TorchModel
from service.runtime.warmup import warm_up
from tests.doubles.models import flat_signature

GOLDEN = {"x": np.array([[1, 2], [3, 4], [5, 6]], np.float32)}


class Metered:
    """A module on a clock of its own: a run takes one millisecond a row, and the first of each size a second more."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.runs: list[int] = []

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        self.seconds += 0.001 * len(rows) + (0 if len(rows) in self.runs else 1)
        self.runs.append(len(rows))
        return rows


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Metered:
    metered = Metered()
    monkeypatch.setattr(time, "perf_counter", lambda: metered.seconds)
    return metered


def model_of(module: Callable[[torch.Tensor], torch.Tensor]) -> TorchModel:
    return TorchModel(module, flat_signature(2), torch.device("cpu"), 0)


def test_every_size_is_measured_without_its_first_run(module: Metered) -> None:
    seconds = warm_up(model_of(module), GOLDEN, [4, 1, 2], 1)
    assert seconds == {1: pytest.approx(0.001), 2: pytest.approx(0.002), 4: pytest.approx(0.004)}
    assert sorted(set(module.runs)) == [1, 2, 4]


@pytest.mark.parametrize(("budget", "rows"), [(0, 0), (0.0005, 0), (0.0011, 1), (0.0035, 2), (0.0041, 4), (3600, 4)])
def test_as_many_rows_run_on_the_event_loop_as_the_budget_has_time_for(
    module: Metered, budget: float, rows: int
) -> None:
    model = model_of(module)
    warm_up(model, GOLDEN, [1, 2, 4], budget)
    assert model.inline_rows == rows


def test_a_second_warm_up_replaces_the_first(module: Metered) -> None:
    model = model_of(module)
    warm_up(model, GOLDEN, [1, 2, 4], 3600)
    warm_up(model, GOLDEN, [1, 2, 4], 0)
    assert model.inline_rows == 0


def test_a_real_model_is_measured_by_the_real_clock() -> None:
    model = model_of(lambda rows: rows * 2)
    seconds = warm_up(model, GOLDEN, [1, 100], 3600)
    assert model.inline_rows == 100
    assert all(0 < each < 3600 for each in seconds.values())
