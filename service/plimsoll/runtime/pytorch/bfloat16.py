"""Lets a module compute in bfloat16 where that costs little of its answers: in matrix products and convolutions."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

_PRODUCTS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


class InBfloat16(nn.Module):
    """Computes products of matrices and convolutions in bfloat16, and the rest as torch's autocast does.

    The weights of these layers are rounded once, here, and no longer at each run; the module is changed in place. Its
    inputs and outputs stay as they were, but that an output which comes from such a product is bfloat16.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        for part in module.modules():
            if isinstance(part, _PRODUCTS) and part.weight.dtype == torch.float32:
                part.to(torch.bfloat16)
        self.module = module

    def forward(self, *inputs: torch.Tensor) -> Any:  # noqa: ANN401  # whatever the module gives
        """Run the module."""
        device = inputs[0].device.type if inputs else "cpu"
        with torch.autocast(device, torch.bfloat16):
            return self.module(*inputs)
