"""Finds how coarsely a model rounds on its way from inputs to outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

_EIGHT_BITS = 2.0**-7
_INTEGERS = {torch.int8, torch.uint8, torch.qint8, torch.quint8}
_ROUNDING_OPERATORS = ("round", "fake_quantize")


def coarsest_rounding(run: Callable[[], object]) -> float:
    """The largest relative rounding of any operation that the tensors of `run`'s result depend on, as machine epsilon.

    It is at least that of float32. The datatypes of intermediate results count, not those of the parameters: autocast
    computes in bfloat16 with parameters in float32. Rounding floating-point numbers to integers counts as eight bits.
    An operation whose result nobody uses rounds nothing that is answered.
    """
    seen = _Roundings()
    with seen:
        result = run()
    return max((seen.anywhere, *map(seen.behind, _tensors(result))))


class _Roundings(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every operation of torch while it is entered, and follows roundings from what is read to what is filled.

    Memory that is given back may be used again. Its first new content takes the place of the old one in `_of_memory`.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.anywhere = torch.finfo(torch.float32).eps
        """The largest rounding that cannot be followed: of a tensor read as a number of Python, or without a memory."""
        self._of_memory: dict[int, float] = {}

    def behind(self, tensor: Tensor) -> float:
        """The largest rounding that a tensor's numbers depend on, as far as it was followed; 0 if there is none."""
        return self._of_memory.get(_memory(tensor), 0.0)

    def __torch_dispatch__(
        self, func: OpOverload, types: object, args: tuple[object, ...] = (), kwargs: Mapping[str, object] | None = None
    ) -> object:
        del types
        given = list(_tensors((args, kwargs or {})))
        sources = {_memory(tensor) for tensor in given}
        behind = max(map(self.behind, given), default=0.0)
        result = func(*args, **(kwargs or {}))
        filled = list(_tensors(result))
        for tensor in filled:
            self._fill(tensor, max(behind, _rounding(func, tensor, given)), sources)
        for tensor in _tensors(_written(func, args, kwargs or {})):
            self._fill(tensor, max(behind, _rounding(func, tensor, given)), sources)
        if not filled:
            self.anywhere = max(self.anywhere, behind)  # a number of Python was made of it
        return result

    def _fill(self, tensor: Tensor, rounding: float, sources: set[int]) -> None:
        memory = _memory(tensor)
        if memory in sources:  # a view, or a tensor that was written into
            rounding = max(rounding, self._of_memory.get(memory, 0.0))
        if memory == 0:
            self.anywhere = max(self.anywhere, rounding)
        self._of_memory[memory] = rounding


def _tensors(tree: object) -> Iterator[Tensor]:
    return (each for each in tree_leaves(tree) if isinstance(each, Tensor))


def _memory(tensor: Tensor) -> int:
    """The address of a tensor's memory; 0 if it has none of its own, as a sparse one."""
    try:
        return tensor.untyped_storage().data_ptr()
    except (NotImplementedError, RuntimeError):
        return 0


def _written(operator: OpOverload, args: Sequence[object], kwargs: Mapping[str, object]) -> list[object]:
    """The arguments into which an operator writes."""
    schema = operator._schema  # noqa: SLF001  # torch has no public name for it
    if not schema.is_mutable:
        return []
    given = {**{spec.name: each for spec, each in zip(schema.arguments, args, strict=False)}, **kwargs}
    writes = [spec.name for spec in schema.arguments if spec.alias_info is not None and spec.alias_info.is_write]
    return [given[name] for name in writes if name in given]


def _rounding(operator: object, result: Tensor, given: Sequence[Tensor]) -> float:
    if result.dtype in _INTEGERS or str(operator).removeprefix("aten.").startswith(_ROUNDING_OPERATORS):
        return _EIGHT_BITS if any(each.is_floating_point() for each in given) else 0.0
    return torch.finfo(result.dtype).eps if result.is_floating_point() else 0.0
