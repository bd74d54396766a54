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
"""A smaller layer gains nothing: the more expensive call costs as much as the order of the weights saves."""
_ATTRIBUTES = frozenset(vars(nn.Linear(1, 1)))
"""The attributes of an unmodified layer. Libraries mark layers with further names that begin with `_`."""


class PackedLinear(nn.Module):
    """Computes `nn.Linear` up to float32 rounding, on the CPU.

    It becomes a plain layer for good if code reads `weight`, asks for gradients or computes in another datatype by
    autocast, because packed weights support none of that.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.out_features, self.in_features = weight.shape
        self.bias = bias
        with torch.no_grad():
            self._weight: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight.detach(), None)  # noqa: SLF001

    @property
    def weight(self) -> Tensor:
        """The weights, row by row, for a module that reads or writes those of its parts."""
        if self._weight.is_mkldnn:
            with torch.inference_mode(mode=False), torch.no_grad():
                self._weight = self._weight.to_dense()
        return self._weight

    def forward(self, rows: Tensor) -> Tensor:
        """Compute the output of the layer for rows of shape [..., in_features]."""
        packed = self._weight
        if not packed.is_mkldnn or torch.is_grad_enabled() or torch.is_autocast_enabled("cpu"):
            return F.linear(rows, self.weight, self.bias)
        if rows.dtype != torch.float32 or rows.shape[-1] != self.in_features:
            return F.linear(rows, packed.to_dense(), self.bias)  # which says best what is wrong with them
        return torch.ops.mkldnn._linear_pointwise.default(  # type: ignore[no-any-return]  # noqa: SLF001
            rows, packed, self.bias, "none", [], ""
        )


def pack_weights(module: nn.Module) -> nn.Module:
    """The module with the weights of its large float32 linear layers packed; it may be changed in place.

    Left as they are: small layers, where packing costs more than it saves; weights that several parts share, which
    would be held twice; layers that somebody has added something to, be it a hook or a `forward`; what
    `nn.TransformerEncoderLayer` computes from the weights of its parts by itself; one layer of a module that would have
    no parameter left, by which many find out their own device. A torch without oneDNN gives the module back as it came.
    Plain weights are let go of layer by layer.
    """
    if not can_pack():
        return module
    holder = nn.ModuleDict({"root": module})
    places = _places(holder)
    if places and len(places) == len(list(module.parameters())):
        places.popitem()
    for part, slots in places.items():
        packed = PackedLinear(part.weight, part.bias)
        part._parameters["weight"] = None  # noqa: SLF001  # `places` still holds the part
        for parent, name in slots:
            parent._modules[name] = packed  # noqa: SLF001
    return holder["root"]


def can_pack() -> bool:
    """Whether this torch was built with oneDNN and has the two operators that packing needs."""
    operators = all(hasattr(torch.ops.mkldnn, name) for name in ("_reorder_linear_weight", "_linear_pointwise"))
    return operators and bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]


def _places(holder: nn.Module) -> dict[nn.Linear, list[tuple[nn.Module, str]]]:
    """The layers to pack, and where each of them stands."""
    owners = Counter(id(weight) for part in holder.modules() for weight in part._parameters.values())  # noqa: SLF001
    places: dict[nn.Linear, list[tuple[nn.Module, str]]] = {}
    for parent in holder.modules():
        if isinstance(parent, nn.TransformerEncoderLayer):
            continue
        for name, part in parent._modules.items():  # noqa: SLF001  # named_children leaves out a part's second name
            if type(part) is nn.Linear and _is_untouched(part) and owners[id(part.weight)] == 1 and _is_worth_it(part):
                places.setdefault(part, []).append((parent, name))
    return places


def _is_worth_it(part: nn.Linear) -> bool:
    weight = part.weight
    return weight.device.type == "cpu" and weight.dtype == torch.float32 and weight.numel() >= _FEWEST_WEIGHTS


def _is_untouched(part: nn.Linear) -> bool:
    if part._forward_pre_hooks or part._forward_hooks or part._buffers or part._modules:  # noqa: SLF001
        return False
    added = vars(part).keys() - _ATTRIBUTES
    return all(name.startswith("_") for name in added) and part._parameters.keys() == {"weight", "bias"}  # noqa: SLF001
