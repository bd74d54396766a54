"""Architectures that a bundle may name.

Each takes the input tensors in the order of the signature and gives one output tensor, or a tuple in that order.
"""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from plimsoll.errors import BundleError
from plimsoll.runtime.foreign_code import foreign_code, shared_state_kept


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
    return _build(factory, name, parameters)


def build_with_factory(factory: str, parameters: Mapping[str, Any], allowed: Collection[str]) -> nn.Module:
    """A module made by a factory `package.module:callable`, whose package is imported only if it is allowed.

    Raises:
        BundleError: with check `format` when it is not allowed; `weights` when it cannot be imported, the parameters do
            not fit, or what it makes is no module.
    """
    if factory not in allowed:
        raise BundleError(
            "format",
            f"the bundle wants the factory '{factory}', which would run code of that package; nothing of it was "
            f"imported. Add it to PLIMSOLL_FACTORIES if you trust it; allowed now: {', '.join(allowed) or 'none'}",
        )
    package, _, attribute = factory.partition(":")
    with shared_state_kept(), foreign_code("weights", f"the factory '{factory}' cannot be imported"):
        make = getattr(importlib.import_module(package), attribute)
    return _build(make, factory, parameters)


def _build(factory: Callable[..., nn.Module], name: str, parameters: Mapping[str, Any]) -> nn.Module:
    with shared_state_kept(), foreign_code("weights", f"'{name}' cannot be built with the parameters given"):
        module = factory(**parameters)
    if not isinstance(module, nn.Module):
        raise BundleError("weights", f"'{name}' makes a {type(module).__name__}, and not a torch module")
    return module
