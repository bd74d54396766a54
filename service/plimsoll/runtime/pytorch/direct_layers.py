"""The commonest layers of torch, called without the bookkeeping of `nn.Module`.

A call of a module goes through two more functions, which look for hooks of seven kinds, and reads each weight through a
third. For one row of a small model this costs as much as the arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # the name that torch's own documentation gives it
from torch import Tensor, nn


class DirectLinear(nn.Linear):
    """`nn.Linear`."""

    def __call__(self, input: Tensor) -> Tensor:  # noqa: A002  # torch's name, which a caller may use
        """Compute the output of the layer for rows of shape [..., in_features]."""
        own = self._parameters
        if self._forward_hooks or self._forward_pre_hooks or "weight" not in own or "bias" not in own:
            return super().__call__(input)  # type: ignore[no-any-return]
        return F.linear(input, own["weight"], own["bias"])  # type: ignore[arg-type]  # nn.Linear has a weight


class DirectReLU(nn.ReLU):
    """`nn.ReLU`."""

    def __call__(self, input: Tensor) -> Tensor:  # noqa: A002  # as above
        """Compute the output of the layer, of the shape of the input."""
        if self._forward_hooks or self._forward_pre_hooks:
            return super().__call__(input)  # type: ignore[no-any-return]
        return torch.relu_(input) if self.inplace else torch.relu(input)


class DirectSequential(nn.Sequential):
    """`nn.Sequential`."""

    def __call__(self, input: Any) -> Any:  # noqa: A002, ANN401  # as above; its first layer may take anything
        """Call each layer with the output of the one before."""
        if self._forward_hooks or self._forward_pre_hooks:
            return super().__call__(input)
        output = input
        for layer in self._modules.values():
            output = layer(output)
        return output


_DIRECT: dict[type[nn.Module], type[nn.Module]] = {
    nn.Linear: DirectLinear, nn.ReLU: DirectReLU, nn.Sequential: DirectSequential,
}  # fmt: skip


def make_direct(module: nn.Module) -> Callable[..., Any]:
    """A function that computes the module without bookkeeping; the layers of the module are changed in place.

    Answers are the same to the bit. Left as they are: subclasses, layers that have a `forward` of their own or are
    compiled, and all of them where somebody has hooks on every module. A layer with hooks, or with a tensor in place of
    a weight, is called as torch does, even if it came to them later.
    """
    if nn.modules.module._has_any_global_hook():  # type: ignore[no-untyped-call]  # noqa: SLF001  # no public way
        return module
    for part in module.modules():
        direct = _DIRECT.get(type(part))
        if direct is not None and _is_untouched(part):
            part.__class__ = direct
    has_hooks = module._forward_hooks or module._forward_pre_hooks  # noqa: SLF001  # as each layer asks of itself
    is_plain = type(module).__call__ is nn.Module.__call__ and not has_hooks and _is_untouched(module)
    return module.forward if is_plain else module


def _is_untouched(part: nn.Module) -> bool:
    own = vars(part)
    return "forward" not in own and own.get("_compiled_call_impl") is None
