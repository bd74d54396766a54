"""Finds how coarsely a model rounds on its way from inputs to outputs."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

_EIGHT_BITS = 2.0**-7
_INTEGERS = {torch.int8, torch.uint8, torch.qint8, torch.quint8}
_ROUNDING_OPERATORS = ("round", "fake_quantize")


def coarsest_rounding(run: Callable[[], object]) -> float:
    """The largest relative rounding of any operation of `run`, as machine epsilon; at least that of float32.

    The datatypes of intermediate results count, not those of the parameters: autocast computes in bfloat16 with
    parameters in float32. Rounding floating-point numbers to integers counts as eight bits.
    """
    seen = _Roundings()
    with seen:
        run()
    return seen.coarsest


class _Roundings(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every operation of torch while it is entered."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.coarsest = torch.finfo(torch.float32).eps

    def __torch_dispatch__(
        self, func: Callable[..., object], types: object, args: tuple[object, ...] = (), kwargs: object = None
    ) -> object:
        del types
        result = func(*args, **(kwargs if isinstance(kwargs, dict) else {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor):
                self.coarsest = max(self.coarsest, _rounding(func, tensor, args))
        return result


def _rounding(operator: object, result: Tensor, arguments: tuple[object, ...]) -> float:
    if result.dtype in _INTEGERS or str(operator).removeprefix("aten.").startswith(_ROUNDING_OPERATORS):
        given = [each for each in tree_leaves(arguments) if isinstance(each, Tensor)]
        return _EIGHT_BITS if any(each.is_floating_point() for each in given) else 0.0
    return torch.finfo(result.dtype).eps if result.is_floating_point() else 0.0
