"""A model whose forward pass hangs for as long as a file is there."""

from __future__ import annotations

import time
from pathlib import Path

import torch
from torch import Tensor, nn

HANGS = 1.0
"""The first number of a row on which it hangs."""


class HangingModel(nn.Module):
    """A linear classifier of 4 numbers into 3 classes; `hold` is the path of the file."""

    def __init__(self, hold: str) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)
        self._hold = Path(hold)

    def forward(self, rows: Tensor) -> Tensor:
        """Probabilities, shape [rows, 3], once it may."""
        while bool((rows[:, 0] == HANGS).any()) and self._hold.exists():
            time.sleep(0.01)
        return torch.softmax(self.layer(rows), -1)
