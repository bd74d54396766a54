"""A model that takes its time, whatever the size of the batch; and its bundle."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch
from plimsoll.runtime.bundle_making import Recipe, make_bundle
from plimsoll.runtime.pytorch.new_model import NewTorchModel
from safetensors.torch import save
from torch import Tensor, nn

FACTORY = "benchmarks.slow_model:slow"
COLUMNS = 4
_CLASSES = 3


class Slow(nn.Module):
    """One linear layer that sleeps before it answers; it leaves the processor to others meanwhile, as a GPU does."""

    def __init__(self, milliseconds: float) -> None:
        super().__init__()
        self._seconds = milliseconds / 1000
        self.layer = nn.Linear(COLUMNS, _CLASSES)

    def forward(self, rows: Tensor) -> Tensor:
        """Probabilities, shape [rows, classes]."""
        time.sleep(self._seconds)
        return torch.softmax(self.layer(rows), dim=-1)


def slow(milliseconds: float) -> nn.Module:
    """What the bundle calls to make the architecture."""
    return Slow(milliseconds)


def make_slow_bundle(models: Path, milliseconds: float) -> None:
    """Write the bundle `<models>/slow/1`."""
    example = np.linspace(-1, 1, 2 * COLUMNS, dtype=np.float32).reshape(2, COLUMNS)
    recipe = Recipe(
        name="slow",
        version="1",
        examples=[{"input": example}],
        labels=list(range(_CLASSES)),
    )
    weights = save(Slow(milliseconds).state_dict())
    make_bundle(models, recipe, NewTorchModel(weights, {"milliseconds": milliseconds}, factory=FACTORY))
