"""Modules of the kinds that people bring."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn


class UintImages(nn.Module):
    """Pictures as a camera gives them, uint8 [rows, height, width, channels]."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3)
        self.head = nn.Linear(4, 5)

    def forward(self, images: Tensor) -> Tensor:
        """Probabilities of five classes."""
        pixels = images.permute(0, 3, 1, 2).float() / 255
        return torch.softmax(self.head(self.convolution(pixels).relu().mean((2, 3))), 1)


class FloatImages(nn.Module):
    """Normalised pictures, FP32 [rows, channels, height, width]."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5))

    def forward(self, images: Tensor) -> Tensor:
        """Scores."""
        return self.layers(images)  # type: ignore[no-any-return]


class Bag(nn.Module):
    """The mean of as many words as a row has."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.EmbeddingBag(50, 6, mode="mean")

    def forward(self, ids: Tensor) -> Tensor:
        """The embedding of each row."""
        return self.words(ids)  # type: ignore[no-any-return]


class TwoInputs(nn.Module):
    """Whole numbers that name a place, and measured numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.place = nn.Embedding(10, 4)
        self.layer = nn.Linear(7, 2)

    def forward(self, place: Tensor, measured: Tensor) -> Tensor:
        """Two numbers a row."""
        return self.layer(torch.cat([self.place(place), measured], 1))  # type: ignore[no-any-return]


class SeveralOutputs(nn.Module):
    """Gives a tuple: scores, the class and the hidden layer."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(4, 8)
        self.head = nn.Linear(8, 3)

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """FP32 [rows, 3], INT64 [rows] and FP32 [rows, 8]."""
        hidden = self.hidden(rows).tanh()
        scores = self.head(hidden)
        return scores, scores.argmax(1), hidden


class InHalf(nn.Module):
    """A perceptron in that datatype from end to end."""

    def __init__(self, datatype: str) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)).to(getattr(torch, datatype))

    def forward(self, rows: Tensor) -> Tensor:
        """Scores."""
        return self.layers(rows)  # type: ignore[no-any-return]


class GivesDict(nn.Module):
    """Names its outputs, as models of transformers do, and gives one that is no tensor."""

    def __init__(self, words: int = 50) -> None:
        super().__init__()
        self.words = nn.Embedding(words, 6)
        self.head = nn.Linear(6, 2)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> dict[str, object]:
        """Logits of each row, and the embedding of each word."""
        embedded = self.words(input_ids) * attention_mask.unsqueeze(-1)
        pooled = embedded.sum(1) / attention_mask.sum(1, keepdim=True)
        return {"loss": None, "past": (embedded,), "logits": self.head(pooled), "last_hidden_state": embedded}


def big_vocabulary() -> nn.Module:
    """The same with as many words as BERT has."""
    return GivesDict(30522)


class Boxes(NamedTuple):
    """As detectors give them."""

    boxes: Tensor
    valid: Tensor


class Detector(nn.Module):
    """Gives a named tuple, of which one part is true or false."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 8)

    def forward(self, rows: Tensor) -> Boxes:
        """FP32 [rows, 2, 4] and BOOL [rows, 2]."""
        boxes = self.layer(rows).view(-1, 2, 4)
        return Boxes(boxes, boxes.mean(2) > 0)


class NamedClassifier(nn.Module):
    """A table whose columns are its inputs: numbers, a whole number and a truth."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, age: Tensor, income: Tensor, children: Tensor, married: Tensor) -> Tensor:
        """Probabilities of three classes; each input is of shape [rows]."""
        columns = [age / 100, income.log1p(), children.float(), married.float()]
        return torch.softmax(self.layer(torch.stack(columns, 1)), 1)


class NamedRegressor(nn.Module):
    """The price of a flat by its area and rooms."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 1)

    def forward(self, area: Tensor, rooms: Tensor) -> Tensor:
        """One number a row, shape [rows]; each input is of shape [rows]."""
        return self.layer(torch.stack([area, rooms.float()], 1)).squeeze(1)  # type: ignore[no-any-return]


class RowClassifier(nn.Module):
    """A table of numbers alone, one row of them as one input."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3), nn.Softmax(1))

    def forward(self, rows: Tensor) -> Tensor:
        """Probabilities of three classes."""
        return self.layers(rows)  # type: ignore[no-any-return]


class RowRegressor(nn.Module):
    """Two numbers of a row of four."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, rows: Tensor) -> Tensor:
        """Two targets a row."""
        return self.layer(rows)  # type: ignore[no-any-return]


class Recurrent(nn.Module):
    """An LSTM, which gives its states as a tuple in a tuple, the layers first."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(3, 5, num_layers=2, batch_first=True)

    def forward(self, series: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The state of each step, and the last hidden and cell states of each layer."""
        result: tuple[Tensor, tuple[Tensor, Tensor]] = self.lstm(series)
        return result


class BoolMasked(nn.Module):
    """Whole numbers of 32 bits with a mask of truths, as tokenizers of other frameworks give them."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(50, 6)

    def forward(self, ids: Tensor, keep: Tensor) -> Tensor:
        """The greatest of each number over the words that are kept."""
        embedded: Tensor = self.words(ids).masked_fill(~keep.unsqueeze(-1), -1e4)
        return embedded.amax(1)


class Video(nn.Module):
    """A short film, uint8 [rows, frames, height, width, channels]."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv3d(3, 4, 3)
        self.head = nn.Linear(4, 2)

    def forward(self, frames: Tensor) -> Tensor:
        """Scores of two classes."""
        pixels = frames.permute(0, 4, 1, 2, 3).float() / 255
        return self.head(self.convolution(pixels).relu().mean((2, 3, 4)))  # type: ignore[no-any-return]


class InDouble(nn.Module):
    """Computes in float64, one number a row."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 2, dtype=torch.float64)

    def forward(self, moment: Tensor) -> Tensor:
        """Two numbers a row of one number."""
        return torch.sin(self.layer(moment.unsqueeze(1)))
