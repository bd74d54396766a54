"""Random small changes to pictures that leave the digit what it is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from training.mnist_digits import SIDE


@dataclass(frozen=True)
class Augmentation:
    """How far a picture may be moved; every picture gets its own amounts, uniform up to these limits both ways."""

    shift: float
    """In pixels, along each axis."""
    degrees: float = 0
    scale: float = 0
    """As a share of the size."""
    shear: float = 0
    """Slant: the sideways move, as a share of the height."""

    def apply(self, pixels: Tensor, generator: torch.Generator) -> Tensor:
        """Changed copies of flat pictures, shape [rows, 784]."""
        rows = len(pixels)
        amounts = torch.rand(rows, 6, generator=generator) * 2 - 1
        angle = amounts[:, 0] * math.radians(self.degrees)
        wide, high = 1 + amounts[:, 1] * self.scale, 1 + amounts[:, 2] * self.scale
        slant = amounts[:, 3] * self.shear
        across, down = (amounts[:, 4:] * self.shift * 2 / SIDE).unbind(dim=1)
        cosine, sine = torch.cos(angle), torch.sin(angle)
        upper = torch.stack([cosine * wide, (cosine * slant - sine) * high, across], dim=1)
        lower = torch.stack([sine * wide, (sine * slant + cosine) * high, down], dim=1)
        moves = torch.stack([upper, lower], dim=1)
        grid = functional.affine_grid(moves, [rows, 1, SIDE, SIDE], align_corners=False)
        pictures = pixels.view(rows, 1, SIDE, SIDE)
        return functional.grid_sample(pictures, grid, align_corners=False).view(rows, -1)
