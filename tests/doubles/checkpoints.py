"""Files that people have saved with torch.save, good ones and hostile ones."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch


class Net(torch.nn.Module):
    """A linear layer whose weights are also those of another name."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(4, 3)
        self.tied = self.layer

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Scores."""
        return self.layer(rows)  # type: ignore[no-any-return]


class Marker:
    """Leaves a folder of that name where it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self._folder,)
