"""Models whose answer to a row depends on the rows beside it: a server must refuse each of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tests.zoo.never_refused_models import LENGTH, WIDTH, Scores


class SoftmaxOverTheBatch(Scores):
    def forward(self, rows: Tensor) -> Tensor:
        return torch.softmax(self.body(rows), 0)


class BatchNormInTraining(Scores):
    """Switches itself to training, as a `train` that was overridden does."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(WIDTH)

    def forward(self, rows: Tensor) -> Tensor:
        self.norm.train()
        return super().forward(self.norm(rows))


class ConvolutionInTraining(Scores):
    """The same where one row alone has enough numbers to be normalised."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(1)

    def forward(self, rows: Tensor) -> Tensor:
        self.norm.train()
        return super().forward(self.norm(rows.unsqueeze(1)).squeeze(1))


class DynamicInt8(Scores):
    """Eight bits with one scale for the whole batch."""

    def forward(self, rows: Tensor) -> Tensor:
        scale = rows.abs().max() / 127
        return super().forward(torch.round(rows / scale) * scale)


class DynamicInt8Inside(Scores):
    """The same for hidden numbers, of inputs with bounds; as sure of its scores as a trained model."""

    minimum = 0.0
    maximum = 1.0

    def forward(self, rows: Tensor) -> Tensor:
        for layer in self.body:
            scale = rows.abs().max() / 127
            rows = layer(torch.round(rows / scale).to(torch.int8).float() * scale)
        return torch.softmax(10 * rows, -1)

    @staticmethod
    def example(chance: np.random.Generator) -> NDArray[Any]:
        return chance.random((5, WIDTH), np.float32)


class Squeezed(Scores):
    """Loses the batch dimension of a single row."""

    def forward(self, rows: Tensor) -> Tensor:
        return super().forward(rows).squeeze()


class SqueezedScore(Scores):
    """The same where what is left is a number."""

    def forward(self, rows: Tensor) -> Tensor:
        scores: Tensor = self.body(rows)
        return scores[:, :1].squeeze()


class Centred(Scores):
    """Takes the mean of the batch away."""

    def forward(self, rows: Tensor) -> Tensor:
        return super().forward(rows - rows.mean(0))


class DividedByTheLargest(Scores):
    def forward(self, rows: Tensor) -> Tensor:
        return super().forward(rows / rows.abs().max())


class DividedByTheirNumber(Scores):
    def forward(self, rows: Tensor) -> Tensor:
        return super().forward(rows / len(rows))


class AttendsOverTheBatch(Scores):
    """A transformer that takes the first dimension for the sequence, as PyTorch does unless it is told otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.TransformerEncoderLayer(WIDTH, 4, 32, batch_first=False)

    def forward(self, rows: Tensor) -> Tensor:
        return super().forward(self.encoder(rows).mean(1))

    @staticmethod
    def example(chance: np.random.Generator) -> NDArray[Any]:
        return chance.standard_normal((5, LENGTH, WIDTH)).astype(np.float32)


class RecursOverTheBatch(AttendsOverTheBatch):
    """A GRU with the same mistake."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.GRU(WIDTH, WIDTH)  # type: ignore[assignment]

    def forward(self, rows: Tensor) -> Tensor:
        return Scores.forward(self, self.encoder(rows)[0].mean(1))


class PlacesOfTheBatch(Scores):
    """Adds an embedding of the place in the batch, where that in the sequence was meant."""

    def __init__(self) -> None:
        super().__init__()
        self.places = nn.Parameter(torch.randn(4096, WIDTH))

    def forward(self, rows: Tensor) -> Tensor:
        return super().forward(rows + 0.1 * self.places[: len(rows)])


class RanksOverTheBatch(Scores):
    """Gives the rank of a score among those of the batch."""

    def forward(self, rows: Tensor) -> Tensor:
        scores: Tensor = self.body(rows)
        return scores.argsort(0).argsort(0).float()


class FailsOnLargeBatches(Scores):
    """Has room for so many rows."""

    def forward(self, rows: Tensor) -> Tensor:
        if len(rows) > 8:
            raise RuntimeError("the buffer at /srv/models/buffer.bin has room for 8 rows")
        return super().forward(rows)


class FailsOnOneRow(Scores):
    def forward(self, rows: Tensor) -> Tensor:
        if len(rows) == 1:
            raise ValueError("a batch needs two rows")
        return super().forward(rows)


_DIFFERS = (
    r"^golden row \d is answered differently (in a batch of \d+ rows|next to) .*: output 'output' is off by \S+, "
    r"allowed are 0\.0001 \+ 0\.001 x \|expected\|\. The rows of a batch must not depend on each other; "
)
_LOSES = r"^output 'output' loses its batch dimension at one row: it is of shape \[4?\], and should be of shape \[1"

KINDS: Mapping[str, tuple[type[Scores], str]] = {
    "softmax-over-the-batch": (SoftmaxOverTheBatch, _DIFFERS),
    "batchnorm-in-training": (BatchNormInTraining, "^the model fails on golden row 0 alone: it raised ValueError"),
    "convolution-in-training": (ConvolutionInTraining, _DIFFERS),
    "dynamic-int8": (DynamicInt8, _DIFFERS),
    "dynamic-int8-inside": (DynamicInt8Inside, _DIFFERS),
    "squeezed": (Squeezed, _LOSES),
    "squeezed-score": (SqueezedScore, _LOSES),
    "centred": (Centred, _DIFFERS),
    "divided-by-the-largest": (DividedByTheLargest, _DIFFERS),
    "divided-by-their-number": (DividedByTheirNumber, _DIFFERS),
    "attends-over-the-batch": (AttendsOverTheBatch, _DIFFERS),
    "recurs-over-the-batch": (RecursOverTheBatch, _DIFFERS),
    "places-of-the-batch": (PlacesOfTheBatch, _DIFFERS),
    "ranks-over-the-batch": (RanksOverTheBatch, _DIFFERS),
    "fails-on-large-batches": (FailsOnLargeBatches, "^the model fails in a batch of 128 rows of .*RuntimeError"),
    "fails-on-one-row": (FailsOnOneRow, "^the model fails on golden row 0 alone: it raised ValueError"),
}
"""The list, by name, with the sentence that refuses each."""


def make(kind: str) -> nn.Module:
    """The factory of their bundles."""
    return KINDS[kind][0]()
