"""The check of independence, with modules of which each run is known."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
import pytest
import torch
from plimsoll.bundle.golden import GoldenSamples
from plimsoll.bundle.manifest import Golden
from plimsoll.errors import BundleError
from plimsoll.inference.payloads import Signature, TensorSpec
from plimsoll.runtime.independence import check_independence
from plimsoll.runtime.pytorch.torch_model import TorchModel
from torch import Tensor

GOLDEN = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0], [9.0, 10.0]])
EXACT = Golden(file="golden.safetensors", absolute_tolerance=0, relative_tolerance=0)
NORMAL = Golden(file="golden.safetensors", absolute_tolerance=1e-4, relative_tolerance=1e-3)
Module = Callable[[Tensor], Tensor]


def check(
    module: Module, tolerance: Golden = NORMAL, largest: int = 8, high: float | None = None, rows: Tensor = GOLDEN
) -> None:
    signature = Signature(
        (TensorSpec("x", "FP32", (-1, 2), None if high is None else 0, high),), (TensorSpec("y", "FP32", (-1, 2)),)
    )
    model = TorchModel(module, signature, torch.device("cpu"), 0)
    check_independence(model, GoldenSamples({"x": rows.numpy()}, {"y": rows.numpy()}), tolerance, largest)


def refusal(module: Module, tolerance: Golden = NORMAL, largest: int = 8) -> str:
    with pytest.raises(BundleError) as caught:
        check(module, tolerance, largest)
    assert caught.value.check == "independence"
    return caught.value.message


class Recorded:
    """Gives its input back, and keeps every batch."""

    def __init__(self) -> None:
        self.batches: list[list[list[float]]] = []

    def __call__(self, rows: Tensor) -> Tensor:
        self.batches.append(rows.tolist())
        return rows.clone()


def test_rows_run_alone_in_pairs_next_to_companions_and_in_another_order_in_a_full_batch() -> None:
    module = Recorded()
    check(module, largest=7, high=20)
    one, two, three, four = [1, 2], [3, 4], [7, 8], [9, 10]
    low, high = [0, 0], [20, 20]
    assert module.batches == [
        [one], [two], [three], [four],
        [one, two], [three, four],
        [one, low], [one, high],
        [four, three, two, one, low, high, four],
    ]  # fmt: skip


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_few_golden_rows_and_batches_of_one_row_are_enough(rows: int) -> None:
    module = Recorded()
    check(module, EXACT, largest=1, rows=GOLDEN[:rows])
    assert max(len(batch) for batch in module.batches) == 2


def test_a_refusal_names_the_row_the_batch_the_difference_and_what_is_allowed() -> None:
    assert refusal(lambda rows: rows - rows.mean(0)) == (
        "golden row 0 is answered differently in a batch of 2 rows of golden row 0, golden row 1 than alone: "
        "output 'y' is off by 1, allowed are 0.0001 + 0.001 x |expected|. The rows of a batch must not depend on each "
        "other; softmax over dimension 0, BatchNorm in training mode and one quantisation scale for a whole batch are "
        "the usual reasons"
    )


def test_a_difference_that_only_a_companion_makes_is_found_at_the_golden_tolerance() -> None:
    def shared_scale(rows: Tensor) -> Tensor:
        scale = rows.abs().max().clamp(min=10) / 7_000
        return torch.round(rows / scale) * scale

    assert "golden row 0 is answered differently next to a row of 1000 times the golden range than next to golden" in (
        refusal(shared_scale)
    )


def test_a_model_that_knows_the_place_of_a_row_is_refused() -> None:
    assert "in a batch of 2 rows" in refusal(lambda rows: rows + torch.arange(len(rows))[:, None])


def test_a_model_whose_answers_change_in_full_batches_only_is_refused() -> None:
    assert "in a batch of 64 rows" in refusal(lambda rows: rows * (1.1 if len(rows) > 40 else 1.0), largest=64)


def test_the_dimension_that_is_lost_is_said_and_so_is_any_other_wrong_shape() -> None:
    assert refusal(lambda rows: rows.squeeze()) == (
        "output 'y' loses its batch dimension at one row: it is of shape [2], and should be of shape [1, 2]; "
        "name the dimension in squeeze() or leave it out"
    )
    assert refusal(lambda rows: rows[:1]) == (
        "output 'y' is float32 of shape [1, 2] in a batch of 2 rows of golden row 0, golden row 1, "
        "and should be FP32 of shape [2, 2]"
    )
    assert "is float64 of shape [1, 2] on golden row 0 alone" in refusal(lambda rows: rows.double())


def test_answers_of_another_batch_size_may_differ_by_the_rounding_of_the_coarsest_datatype() -> None:
    def rounded(datatype: torch.dtype, roundings: float) -> Module:
        step = 1 + roundings * torch.finfo(datatype).eps
        return lambda rows: (rows.to(datatype).float() if len(rows) == 1 else rows * step).clone()

    for datatype in (torch.float32, torch.bfloat16, torch.float16):
        check(rounded(datatype, 8), EXACT)
        refusal(rounded(datatype, 64), EXACT)


def test_a_module_that_rounds_to_whole_numbers_counts_as_one_of_eight_bits() -> None:
    check(lambda rows: torch.round(rows) * (1 if len(rows) == 1 else 1 + 2**-7), EXACT)
    refusal(lambda rows: rows * (1 if len(rows) == 1 else 1 + 2**-7), EXACT)


def test_rounding_that_no_answer_depends_on_allows_no_difference() -> None:
    def module(rows: Tensor) -> Tensor:
        torch.round(rows).to(torch.bfloat16)
        return rows * (1 if len(rows) == 1 else 1 + 2**-7)

    assert "is answered differently" in refusal(module, EXACT)


def test_what_a_companion_is_answered_does_not_matter() -> None:
    check(lambda rows: torch.where(rows > 1000, torch.nan, rows))


def test_a_companion_on_which_the_model_fails_is_left_out_and_the_log_says_so(caplog: pytest.LogCaptureFixture) -> None:
    def strict(rows: Tensor) -> Tensor:
        if bool((rows > 1000).any()):
            raise SystemExit("out of range")
        return rows.clone()

    with caplog.at_level(logging.INFO, "plimsoll"):
        check(strict)
    assert "independence check skips a row of 1000 times the golden range, because the model fails on it" in caplog.text


def test_a_model_that_fails_on_golden_rows_in_some_batch_is_refused() -> None:
    def single(rows: Tensor) -> Tensor:
        if len(rows) > 2:
            raise KeyError("at /srv/secret")
        return rows.clone()

    assert refusal(single).startswith("the model fails in a batch of 8 rows of golden row 4, golden row 3,")


def test_a_model_that_writes_into_its_input_or_reuses_its_output_is_compared_rightly() -> None:
    buffer = torch.zeros(64, 2)

    def careless(rows: Tensor) -> Tensor:
        buffer[: len(rows)] = rows * 2
        rows.zero_()
        return buffer[: len(rows)]

    check(careless, EXACT)


def test_golden_samples_are_as_they_were() -> None:
    before = GOLDEN.numpy().copy()
    check(lambda rows: rows.mul_(2).clone())
    assert np.array_equal(GOLDEN.numpy(), before)
