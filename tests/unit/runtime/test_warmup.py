from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from plimsoll.errors import BundleError
from plimsoll.inference.payloads import Signature, TensorSpec
from plimsoll.runtime.pytorch.torch_model import TorchModel
from plimsoll.runtime.threads import limit_threads
from plimsoll.runtime.warmup import batch_sizes_up_to, warm_up

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


@pytest.fixture(autouse=True)
def _threads_kept() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    limit_threads(threads)


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
    assert model.inline_rows() == rows


@pytest.mark.parametrize(("alone_ms", "together_ms", "inline_rows"), [(0.5, 3, 2), (3, 0.5, 0), (0.5, 100, 2)])
def test_what_runs_on_the_event_loop_is_measured_on_one_thread(
    module: Metered, alone_ms: float, together_ms: float, inline_rows: int
) -> None:
    def run(rows: torch.Tensor) -> torch.Tensor:
        module.seconds += (alone_ms if torch.get_num_threads() == 1 else together_ms) / 1000
        return rows.clone()

    model = model_of(run)
    limit_threads(4)
    seconds = warm_up(model, GOLDEN, [1, 2], 0.001)
    assert torch.get_num_threads() == 4
    assert model.inline_rows() == inline_rows
    expected = (alone_ms if inline_rows else together_ms) / 1000
    assert seconds == {1: pytest.approx(expected), 2: pytest.approx(expected)}


def test_a_second_warm_up_replaces_the_first(module: Metered) -> None:
    model = model_of(module)
    warm_up(model, GOLDEN, [1, 2, 4], 3600)
    warm_up(model, GOLDEN, [1, 2, 4], 0)
    assert model.inline_rows() == 0


def test_batches_are_golden_rows_repeated_and_no_run_sees_what_an_earlier_one_wrote() -> None:
    seen: list[list[list[float]]] = []

    def careless(rows: torch.Tensor) -> torch.Tensor:
        seen.append(rows.tolist())
        return rows.zero_().clone()

    warm_up(model_of(careless), GOLDEN, [1, 4], 3600)
    assert [batch for batch in seen if batch not in ([[1, 2]], [[1, 2], [3, 4], [5, 6], [1, 2]])] == []
    assert {len(batch) for batch in seen} == {1, 4}


def test_a_model_that_refuses_zeros_is_warmed() -> None:
    def strict(rows: torch.Tensor) -> torch.Tensor:
        assert bool((rows > 0).all())
        return rows.clone()

    warm_up(model_of(strict), GOLDEN, [1, 2, 4], 3600)


def test_a_model_that_is_fast_on_zeros_and_slow_on_golden_rows_does_not_run_on_the_event_loop(
    module: Metered,
) -> None:
    def slow_on_real_rows(rows: torch.Tensor) -> torch.Tensor:
        module.seconds += 0.3 if bool(rows.any()) else 0
        return rows.clone()

    model = model_of(slow_on_real_rows)
    seconds = warm_up(model, GOLDEN, [1, 2], 0.001)
    assert model.inline_rows() == 0
    assert seconds == {1: pytest.approx(0.3), 2: pytest.approx(0.3)}


def test_a_slow_model_runs_once_at_the_sizes_beyond_the_first(module: Metered) -> None:
    runs: list[int] = []

    def slow(rows: torch.Tensor) -> torch.Tensor:
        runs.append(len(rows))
        module.seconds += 1
        return rows.clone()

    assert list(warm_up(model_of(slow), GOLDEN, [1, 2, 4, 8], 0.001)) == [1, 2, 4, 8]
    assert runs == [1, 1, 2, 4, 8]


@pytest.mark.parametrize(
    ("seconds", "sizes"),
    [(0.001, [1]), (3, [1]), (5, [1, 2]), (9, [1, 2, 4]), (33, [1, 2, 4, 8, 16]), (3600, [1, 2, 4, 8, 16, 32])],
)
def test_no_size_runs_for_which_there_is_no_time(module: Metered, seconds: float, sizes: list[int]) -> None:
    """A row takes a second: after two runs of one row, those of 2, 4, 8 and 16 rows end at 4, 8, 16 and 32 s."""
    runs: list[int] = []

    def slow(rows: torch.Tensor) -> torch.Tensor:
        runs.append(len(rows))
        module.seconds += len(rows)
        return rows.clone()

    model = model_of(slow)
    warmed = warm_up(model, GOLDEN, [1, 2, 4, 8, 16, 32], 0.001, most_seconds=seconds)
    assert (list(warmed), runs) == (sizes, [1, *sizes] if seconds > 1 else sizes)
    assert model.inline_rows() == 0


def test_a_size_that_was_not_measured_never_runs_on_the_event_loop(module: Metered) -> None:
    limit_threads(1)
    model = model_of(module)
    seconds = warm_up(model, GOLDEN, [1, 2, 4, 8], 3600, most_seconds=2.03)
    assert list(seconds) == [1, 2]
    assert model.inline_rows() == 1, "there was no time to measure two rows without their first run"


@pytest.mark.parametrize("raised", [ValueError("at /srv/secret"), SystemExit("at /srv/secret")])
def test_the_batch_size_that_fails_is_named(raised: BaseException) -> None:
    def small(rows: torch.Tensor) -> torch.Tensor:
        if len(rows) > 2:
            raise raised
        return rows.clone()

    with pytest.raises(BundleError, match="the model fails on a batch of 4 rows: it raised ") as caught:
        warm_up(model_of(small), GOLDEN, [1, 2, 4, 8], 0.001)
    assert caught.value.check == "warm-up"
    assert "/srv/secret" not in caught.value.message


def test_a_model_with_open_dimensions_runs_on_the_event_loop_only_with_rows_of_the_golden_shape() -> None:
    shapes: set[tuple[int, ...]] = set()

    def note(rows: torch.Tensor) -> torch.Tensor:
        shapes.add(tuple(rows.shape))
        return rows.clone()

    spec = TensorSpec("x", "FP32", (-1, -1))
    model = TorchModel(note, Signature((spec,), (spec,)), torch.device("cpu"), 0)
    warm_up(model, {"x": np.ones((1, 7), np.float32)}, [1, 2], 3600)
    assert shapes == {(1, 7), (2, 7)}
    assert [model.inline_rows(((length,),)) for length in (1, 6, 7, 8)] == [0, 0, 2, 0]


@pytest.mark.parametrize(
    ("largest", "sizes"),
    [(1, [1]), (2, [1, 2]), (100, [1, 2, 4, 8, 16, 32, 64, 100]), (128, [1, 2, 4, 8, 16, 32, 64, 128])],
)
def test_batch_sizes_are_powers_of_two_and_the_largest(largest: int, sizes: list[int]) -> None:
    assert batch_sizes_up_to(largest) == sizes


def test_a_real_model_is_measured_by_the_real_clock() -> None:
    model = model_of(lambda rows: rows * 2)
    seconds = warm_up(model, GOLDEN, [1, 100], 3600)
    assert model.inline_rows() == 100
    assert all(0 < each < 3600 for each in seconds.values())
