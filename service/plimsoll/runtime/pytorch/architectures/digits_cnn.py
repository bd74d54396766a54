"""`digits-cnn`: a small convolutional network."""

from __future__ import annotations

import torch
from torch import Tensor, nn


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
