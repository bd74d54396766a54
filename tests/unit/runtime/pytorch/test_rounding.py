"""Tests that the coarsest rounding of any operation is found, whatever datatype the parameters have."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from plimsoll.runtime.pytorch.rounding import coarsest_rounding
from torch import Tensor, nn

FP32 = torch.finfo(torch.float32).eps
ROWS = torch.rand(3, 4)


def in_bfloat16() -> object:
    with torch.autocast("cpu", torch.bfloat16):
        return nn.functional.linear(ROWS, torch.rand(2, 4))


@pytest.mark.parametrize(
    ("run", "rounding"),
    [
        (lambda: ROWS @ ROWS.T, FP32),
        (lambda: ROWS.double() @ ROWS.double().T, FP32),
        (lambda: ROWS.half() + 1, torch.finfo(torch.float16).eps),
        (in_bfloat16, torch.finfo(torch.bfloat16).eps),
        (lambda: (ROWS.half() + 1, ROWS.bfloat16() + 1), torch.finfo(torch.bfloat16).eps),
        (lambda: (ROWS * 255).to(torch.uint8), 2.0**-7),
        ((ROWS * 255).round, 2.0**-7),
        (lambda: torch.fake_quantize_per_tensor_affine(ROWS, 0.1, 0, -128, 127), 2.0**-7),
        (lambda: torch.arange(5, dtype=torch.uint8) + 1, FP32),
        (lambda: ROWS.argmax(-1), FP32),
        (lambda: None, FP32),
    ],
    ids=["float32", "float64", "float16", "autocast", "the coarsest of two", "to integers", "round",
         "fake quantize", "integers alone", "indices", "nothing"],
)  # fmt: skip
def test_the_coarsest_rounding_of_any_operation(run: Callable[[], object], rounding: float) -> None:
    assert coarsest_rounding(run) == rounding


def in_memory_used_again() -> Tensor:
    coarse = ROWS.half() + 1
    del coarse
    return ROWS * 2


def written_into() -> Tensor:
    sums = torch.zeros(3, 4)
    sums[0] = (ROWS * 255).round()[0]
    return sums


def written_by_name() -> Tensor:
    result = torch.empty(3, 4)
    torch.round(ROWS, out=result)
    return result


@pytest.mark.parametrize(
    ("run", "rounding"),
    [
        (lambda: (ROWS * 255).round() is None or ROWS + 1, FP32),
        (lambda: ROWS.half().float().abs() is None or ROWS + 1, FP32),
        (lambda: {"scores": ROWS + 1, "unused": ROWS.round()}["scores"], FP32),
        (in_memory_used_again, FP32),
        (lambda: (ROWS * 255).round().view(4, 3).t().contiguous().exp(), 2.0**-7),
        (lambda: {"scores": [ROWS.round() + 1]}, 2.0**-7),
        (written_into, 2.0**-7),
        (written_by_name, 2.0**-7),
        (lambda: ROWS.clone().round_()[1:], 2.0**-7),
        (lambda: ROWS * ROWS.half().max().item(), torch.finfo(torch.float16).eps),
        (lambda: torch.cat([ROWS, ROWS.bfloat16()]).chunk(2)[0], torch.finfo(torch.bfloat16).eps),
        (lambda: ROWS.round().to_sparse().to_dense(), 2.0**-7),
    ],
    ids=["a dead round", "a dead chain", "an output that is not served", "memory used again", "through views",
         "in a tree", "written into", "written by name", "in place", "a number of Python", "a part", "sparse"],
)  # fmt: skip
def test_an_operation_counts_if_a_tensor_of_the_result_depends_on_it(
    run: Callable[[], object], rounding: float
) -> None:
    assert coarsest_rounding(run) == rounding


def test_an_error_of_the_model_is_not_swallowed() -> None:
    with pytest.raises(ZeroDivisionError):
        coarsest_rounding(lambda: 1 / 0)
    assert coarsest_rounding(lambda: ROWS.half() + 1) > FP32
