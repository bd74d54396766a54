"""Models whose rows are independent, however coarsely they round: a server must never refuse one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

WIDTH = 16
LENGTH = 12
VOCABULARY = 100


class Scores(nn.Module):
    """Scores rows of 16 numbers for 4 classes; every model of the zoo changes a part of this."""

    minimum: ClassVar[float | None] = None
    maximum: ClassVar[float | None] = None

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(WIDTH, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 4))

    def forward(self, rows: Tensor) -> Tensor:
        return torch.softmax(self.body(rows), -1)

    @staticmethod
    def example(chance: np.random.Generator) -> NDArray[Any]:
        """Golden rows."""
        return chance.standard_normal((5, WIDTH)).astype(np.float32)


class DeepMlp(Scores):
    def __init__(self) -> None:
        super().__init__()
        layers = [layer for _ in range(24) for layer in (nn.Linear(WIDTH, WIDTH), nn.ReLU())]
        self.body = nn.Sequential(*layers, nn.Linear(WIDTH, 4))


class WideMlp(Scores):
    """Layers so large that their weights are packed."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(WIDTH, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.Linear(1024, 4))


class Logits(Scores):
    """Large scores that nearly cancel each other."""

    def forward(self, rows: Tensor) -> Tensor:
        scores: Tensor = self.body(rows)
        return (scores * 1000) - (scores * 999)


class Pictures(Scores):
    """A CNN with BatchNorm, in the mode for inference, over pixels from 0 to 1."""

    minimum = 0.0
    maximum = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 64, 4),
        )  # fmt: skip

    @staticmethod
    def example(chance: np.random.Generator) -> NDArray[Any]:
        return chance.random((3, 1, 16, 16), np.float32)


class Tokens(Scores):
    """Ids from 1; anything else is an error of the caller, on which it raises."""

    minimum = 1.0
    maximum = float(VOCABULARY)

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, WIDTH)

    def forward(self, rows: Tensor) -> Tensor:
        return torch.softmax(self.body(self.embedding(rows - 1).mean(1)), -1)

    @staticmethod
    def example(chance: np.random.Generator) -> NDArray[Any]:
        return chance.integers(1, VOCABULARY + 1, (5, LENGTH))


class MaskedTransformer(Scores):
    """Ids with 0 for padding, which attention leaves out; a row of padding alone is answered with NaN."""

    minimum = 0.0
    maximum = float(VOCABULARY - 1)

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, WIDTH)
        self.places = nn.Parameter(torch.randn(LENGTH, WIDTH))
        layer = nn.TransformerEncoderLayer(WIDTH, 4, 32, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)

    def forward(self, rows: Tensor) -> Tensor:
        padding = rows == 0
        states = self.encoder(self.embedding(rows) + self.places, src_key_padding_mask=padding)
        kept = (~padding).unsqueeze(-1).to(states.dtype)
        return torch.softmax(self.body((states * kept).sum(1) / kept.sum(1)).float(), -1)

    @staticmethod
    def example(chance: np.random.Generator) -> NDArray[Any]:
        rows = chance.integers(1, VOCABULARY, (5, LENGTH))
        for row, length in zip(rows, chance.integers(1, LENGTH + 1, 5), strict=True):
            row[length:] = 0
        return rows


class Recurrent(Scores):
    def __init__(self) -> None:
        super().__init__()
        self.recurrent: nn.RNNBase = nn.GRU(WIDTH, WIDTH, num_layers=2, batch_first=True)

    def forward(self, rows: Tensor) -> Tensor:
        return torch.softmax(self.body(self.recurrent(rows)[0][:, -1]).float(), -1)

    @staticmethod
    def example(chance: np.random.Generator) -> NDArray[Any]:
        return chance.standard_normal((4, LENGTH, WIDTH)).astype(np.float32)


class Lstm(Recurrent):
    def __init__(self) -> None:
        super().__init__()
        self.recurrent = nn.LSTM(WIDTH, WIDTH, num_layers=2, batch_first=True)


class BrainFloat(Scores):
    def forward(self, rows: Tensor) -> Tensor:
        return torch.softmax(self.body(rows.bfloat16()), -1).float()


class BrainFloatRecurrent(Recurrent):
    def forward(self, rows: Tensor) -> Tensor:
        return super().forward(rows.bfloat16())


class Half(Scores):
    def forward(self, rows: Tensor) -> Tensor:
        return torch.softmax(self.body(rows.half()), -1)


class Autocast(Scores):
    """Parameters in float32, computing in bfloat16."""

    def forward(self, rows: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return super().forward(rows).float()


class StaticInt8(Scores):
    """Activations in eight bits by scales that were chosen before; weights by one scale for each channel."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("weight", torch.randint(-127, 128, (4, 64), dtype=torch.int8))
        self.register_buffer("scales", torch.rand(4) / 127)
        self.body = nn.Sequential(nn.Linear(WIDTH, 64), nn.ReLU())

    def forward(self, rows: Tensor) -> Tensor:
        quantised = torch.clamp(torch.round(self.body(rows) / 0.02), -128, 127).to(torch.int8)
        sums = quantised.int() @ self.get_buffer("weight").int().t()
        return torch.softmax(sums * 0.02 * self.get_buffer("scales"), -1)


class FakeQuantised(Scores):
    """The same in floating-point numbers, as training for eight bits leaves it."""

    def forward(self, rows: Tensor) -> Tensor:
        for layer in self.body:
            rows = torch.fake_quantize_per_tensor_affine(layer(rows), 0.02, 0, -128, 127)
        return torch.softmax(rows, -1)


class DynamicPerRow(Scores):
    """Eight bits with one scale for each row, which no other row has a part in."""

    def forward(self, rows: Tensor) -> Tensor:
        scale = rows.abs().amax(-1, keepdim=True) / 127 + 1e-9
        return super().forward(torch.round(rows / scale).clamp(-127, 127) * scale)


class Logarithm(Scores):
    """Refuses what is not positive."""

    minimum = 0.1

    def forward(self, rows: Tensor) -> Tensor:
        if not bool((rows > 0).all()):
            raise ValueError("a number is not positive")
        return super().forward(rows.log())

    @staticmethod
    def example(chance: np.random.Generator) -> NDArray[Any]:
        return chance.random((4, WIDTH), np.float32) + np.float32(0.1)


class Bounded(Scores):
    """Raises on what is far from the golden rows, which no signature says."""

    def forward(self, rows: Tensor) -> Tensor:
        if bool((rows.abs() > 100).any()):
            raise ValueError("a number is out of range")
        return super().forward(rows)


class OneScore(Scores):
    """One number for each row, whose dimension it squeezes by name."""

    def forward(self, rows: Tensor) -> Tensor:
        scores: Tensor = self.body(rows)
        return scores[:, :1].squeeze(1)


class Classes(Scores):
    """Gives the number of the class in place of scores."""

    def forward(self, rows: Tensor) -> Tensor:
        scores: Tensor = self.body(rows)
        return scores.argmax(-1, keepdim=True)


class OneGolden(Scores):
    """Has a single golden row."""

    @staticmethod
    def example(chance: np.random.Generator) -> NDArray[Any]:
        return chance.standard_normal((1, WIDTH)).astype(np.float32)


class OneGigabyte(Scores):
    def __init__(self) -> None:
        super().__init__()
        deep = [layer for _ in range(15) for layer in (nn.Linear(4096, 4096), nn.ReLU())]
        self.body = nn.Sequential(nn.Linear(WIDTH, 4096), *deep, nn.Linear(4096, 4))


KINDS: Mapping[str, type[Scores]] = {
    "mlp": Scores,
    "deep-mlp": DeepMlp,
    "wide-mlp": WideMlp,
    "logits": Logits,
    "cnn": Pictures,
    "tokens": Tokens,
    "masked-transformer": MaskedTransformer,
    "masked-transformer-bf16": MaskedTransformer,
    "gru": Recurrent,
    "gru-bf16": BrainFloatRecurrent,
    "lstm": Lstm,
    "bf16": BrainFloat,
    "fp16": Half,
    "autocast": Autocast,
    "static-int8": StaticInt8,
    "fake-quantised": FakeQuantised,
    "dynamic-int8-per-row": DynamicPerRow,
    "logarithm": Logarithm,
    "bounded": Bounded,
    "one-score": OneScore,
    "classes": Classes,
    "one-golden-row": OneGolden,
}
"""The list, by name. One of 1 GB, `LARGE`, is loaded by `python -m tests.zoo.never_refused` only."""
LARGE = "one-gigabyte"


def make(kind: str) -> nn.Module:
    """The factory of their bundles."""
    model = OneGigabyte() if kind == LARGE else KINDS[kind]()
    if kind.endswith("bf16"):
        return model.bfloat16()
    return model.half() if kind == "fp16" else model
