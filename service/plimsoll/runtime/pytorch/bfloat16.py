"""Lets a module compute in bfloat16 where that gains most and costs least: in matrix products and convolutions."""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch import nn

_PRODUCTS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


def compute_in_bfloat16(module: nn.Module) -> None:
    """Round the weights of every float32 layer of these kinds to bfloat16, and let it round its input at each run.

    Its output is float32 again, so everything between two such layers is computed as before. Left as they are:
    subclasses, and layers whose weights other parts of the module have as well, since those would get another datatype.
    """
    owners = Counter(id(weight) for part in module.modules() for weight in part._parameters.values())  # noqa: SLF001
    for part in module.modules():
        if type(part) in _PRODUCTS and _is_own(part, owners):
            part.to(torch.bfloat16)
            part.register_forward_pre_hook(_rounded)
            part.register_forward_hook(_widened)


def _is_own(part: nn.Module, owners: Counter[int]) -> bool:
    parameters = list(part.parameters(recurse=False))
    return all(owners[id(each)] == 1 and each.dtype == torch.float32 for each in parameters)


def _rounded(_part: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(each.bfloat16() if each.dtype == torch.float32 else each for each in inputs)


def _widened(_part: nn.Module, _inputs: tuple[Any, ...], output: torch.Tensor) -> torch.Tensor:
    return output.float()
