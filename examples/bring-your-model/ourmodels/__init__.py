"""Architectures of ours, in a package of our own."""

from torch import Tensor, nn, softmax


class Linear(nn.Module):
    """One linear layer over the pixels of a digit."""

    def __init__(self, pixels: int, classes: int) -> None:
        super().__init__()
        self.layer = nn.Linear(pixels, classes)

    def forward(self, rows: Tensor) -> Tensor:
        """Probabilities, shape [rows, classes]."""
        return softmax(self.layer(rows), dim=-1)


def linear(pixels: int, classes: int) -> nn.Module:
    """What a bundle calls to make the architecture; its arguments are the bundle's parameters."""
    return Linear(pixels, classes)
