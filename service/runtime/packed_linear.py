"""Linear layers whose weights lie in memory as the CPU's matrix product reads them.

A plain layer keeps its weights row by row, and every run brings them into the order that the kernel wants. oneDNN can
bring them there once, as the linear layer of PyTorch's Inductor does when it freezes a model. On two cores of an AMD
EPYC a layer of 4096 x 4096 then takes half the time at 32 rows and a sixth at 8.
"""

from __future__ import annotations

from collections import Counter

import torch
import torch.nn.functional as F  # noqa: N812  # the name that torch's own documentation gives it
from torch import Tensor, nn

_FEWEST_WEIGHTS = 512 * 512
"""Where a layer has fewer, the dearer call costs what the order of the weights saves."""


class PackedLinear(nn.Module):
    """Computes what `nn.Linear` computes, to float32's rounding, on the CPU and in inference mode only."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.out_features, self.in_features = weight.shape
        self.bias = bias
        with torch.inference_mode():
            self._packed: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight.detach(), None)  # noqa: SLF001

    @property
    def weight(self) -> Tensor:
        """A copy of the weights, row by row, for a module that reads those of its parts."""
        return self._packed.to_dense()

    def forward(self, rows: Tensor) -> Tensor:
        """What the layer makes of rows of shape [..., in_features]."""
        if rows.dtype != torch.float32 or rows.shape[-1] != self.in_features:
            return F.linear(rows, self.weight, self.bias)  # which says best what is wrong with them
        return torch.ops.mkldnn._linear_pointwise.default(  # type: ignore[no-any-return]  # noqa: SLF001
            rows, self._packed, self.bias, "none", [], ""
        )


def pack_weights(module: nn.Module) -> nn.Module:
    """The module with the weights of its large float32 linear layers packed; it may be changed in place.

    Left as they are: small layers, where packing costs more than it saves; weights that several parts share, which
    would be held twice; layers with hooks, which may write the weights; what `nn.TransformerEncoderLayer` computes from
    the weights of its parts by itself. A torch without oneDNN gives the module back as it came.
    """
    if not can_pack():
        return module
    holder = nn.ModuleDict({"root": module})
    owners = Counter(id(weight) for part in module.modules() for weight in part._parameters.values())  # noqa: SLF001
    packed: dict[nn.Module, PackedLinear] = {}
    for parent in list(holder.modules()):
        if isinstance(parent, nn.TransformerEncoderLayer):
            continue
        for name, part in parent._modules.items():  # noqa: SLF001  # named_children leaves out a part's second name
            if type(part) is nn.Linear and owners[id(part.weight)] == 1 and not _has_hooks(part):
                if part not in packed and _is_worth_it(part.weight):
                    packed[part] = PackedLinear(part.weight, part.bias)
                parent._modules[name] = packed.get(part, part)  # noqa: SLF001
    return holder["root"]


def can_pack() -> bool:
    """Whether this torch was built with oneDNN and has the two operators that packing needs."""
    operators = all(hasattr(torch.ops.mkldnn, name) for name in ("_reorder_linear_weight", "_linear_pointwise"))
    return operators and bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]


def _is_worth_it(weight: Tensor) -> bool:
    return weight.device.type == "cpu" and weight.dtype == torch.float32 and weight.numel() >= _FEWEST_WEIGHTS


def _has_hooks(part: nn.Module) -> bool:
    return bool(part._forward_pre_hooks or part._forward_hooks)  # noqa: SLF001
