"""Tests that the coarsest rounding of any operation is found, whatever datatype the parameters have."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from plimsoll.runtime.pytorch.rounding import coarsest_rounding
from torch import nn

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


def test_an_error_of_the_model_is_not_swallowed() -> None:
    with pytest.raises(ZeroDivisionError):
        coarsest_rounding(lambda: 1 / 0)
    assert coarsest_rounding(lambda: ROWS.half() + 1) > FP32
