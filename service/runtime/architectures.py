"""Architectures that a bundle may name.

Each takes the input tensors in the order of the signature and gives one output tensor, or a tuple in that order.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from service.errors import BundleError


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


class DigitsCnn(nn.Module):
    """Two convolutions and a linear head over 28 x 28 pixels given flat.

    `channels` are the widths of the convolutions.
    """

    side = 28

    def __init__(self, channels: list[int], classes: int) -> None:
        super().__init__()
        first, second = channels
        self.features = nn.Sequential(
            nn.Conv2d(1, first, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(first, second, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.head = nn.Linear(second * (self.side // 4) ** 2, classes)

    def logits(self, pixels: Tensor) -> Tensor:
        """Unnormalised scores, shape [rows, classes]."""
        pictures = pixels.view(-1, 1, self.side, self.side)
        return self.head(self.features(pictures).flatten(1))  # type: ignore[no-any-return]

    def forward(self, pixels: Tensor) -> Tensor:
        """Probabilities, shape [rows, classes]."""
        return torch.softmax(self.logits(pixels), dim=-1)


ARCHITECTURES: Mapping[str, Callable[..., nn.Module]] = {"digits-mlp": DigitsMlp, "digits-cnn": DigitsCnn}


def build_architecture(name: str, parameters: Mapping[str, Any]) -> nn.Module:
    """A module of the named architecture with fresh weights.

    Raises:
        BundleError: with check `weights`, when the name is not registered or the parameters do not fit.
    """
    factory = ARCHITECTURES.get(name)
    if factory is None:
        raise BundleError("weights", f"the architecture '{name}' is not registered; known: {', '.join(ARCHITECTURES)}")
    try:
        return factory(**parameters)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise BundleError("weights", f"the parameters do not fit the architecture '{name}': {reason}") from None
