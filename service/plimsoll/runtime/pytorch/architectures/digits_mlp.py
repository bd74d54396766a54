"""`digits-mlp`: a perceptron."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn


class DigitsMlp(nn.Module):
    """A perceptron over flat pixels; `sizes` are the widths of its layers, the input first and the classes last."""

    def __init__(self, sizes: list[int]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for wide, narrow in itertools.pairwise(sizes):
            layers += [nn.Linear(wide, narrow), nn.ReLU()]
        self.layers = nn.Sequential(*layers[:-1])

    def logits(self, pixels: Tensor) -> Tensor:
        """Unnormalised scores, shape [rows, classes]."""
        return self.layers(pixels)  # type: ignore[no-any-return]

    def forward(self, pixels: Tensor) -> Tensor:
        """Probabilities, shape [rows, classes]."""
        return torch.softmax(self.logits(pixels), dim=-1)
