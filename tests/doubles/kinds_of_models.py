"""Modules of the kinds that people bring, each with its example rows and with requests in its own types."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

Inputs = Mapping[str, Tensor]
"""The tensors of one example or request by name, in the order of the parameters of forward."""


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


@dataclass(frozen=True)
class Kind:
    """A kind of model: its file, the words of `bundle create`, and requests.

    `rows` makes inputs of a number of rows and a length; `lengths` are those of the examples, `asked` of the requests.
    """

    name: str
    make: Callable[..., nn.Module]
    rows: Callable[[int, int], Inputs]
    weights: str = "weights.safetensors"
    prefix: str = ""
    lengths: Sequence[int] = (0,)
    asked: Sequence[int] = (0,)
    parameters: Mapping[str, str] = field(default_factory=dict)
    words: Sequence[str] = ()
    outputs: Sequence[str] = ("output",)
    examples: str = "npy"
    tolerance: float = 1e-5

    def save(self, folder: Path) -> tuple[nn.Module, list[str]]:
        """Write the files of its maker; returns the module and the words that name the files."""
        torch.manual_seed(len(self.name))
        module = self.make(**self.parameters).eval()
        state = {f"{self.prefix}{name}": tensor for name, tensor in module.state_dict().items()}
        if self.weights.endswith(".safetensors"):
            save_file(state, folder / self.weights)
        else:
            torch.save({"state_dict": state, "epoch": 3}, folder / self.weights)
        words = [f"--weights={self.weights}"]
        for length in self.lengths:
            words += self._save_example(folder, self.rows(3, length), length)
        return module, words

    def _save_example(self, folder: Path, inputs: Inputs, length: int) -> list[str]:
        if self.examples == "safetensors":
            save_file(dict(inputs), folder / f"rows{length}.safetensors")
            return [f"--example=rows{length}.safetensors"]
        if self.examples == "npz":
            arrays: dict[str, Any] = {name: tensor.numpy() for name, tensor in inputs.items()}
            np.savez(folder / f"rows{length}.npz", **arrays)
            return [f"--example=rows{length}.npz"]
        for name, tensor in inputs.items():
            np.save(folder / f"{name}{length}.npy", tensor.numpy())
        return [f"--example={name}={name}{length}.npy" for name in inputs]


def _floats(*shape: int) -> Tensor:
    return torch.randn(shape)


def _ids(most: int, *shape: int) -> Tensor:
    return torch.randint(0, most, shape)


def _words(rows: int, length: int) -> Inputs:
    mask = torch.ones(rows, length, dtype=torch.int64)
    mask[:, length // 2 + 1 :] = 0
    return {"input_ids": _ids(50, rows, length), "attention_mask": mask}


KINDS = (
    Kind(
        "uint8-nhwc", UintImages, lambda rows, _: {"images": _ids(256, rows, 9, 7, 3).to(torch.uint8)},
        outputs=["probabilities"], words=["--output-name=probabilities"],
    ),
    Kind("float-nchw", FloatImages, lambda rows, _: {"images": _floats(rows, 3, 8, 8)}),
    Kind(
        "embedding-bag", Bag, lambda rows, length: {"ids": _ids(50, rows, length)},
        lengths=[3, 5], asked=[1, 4, 11], words=["--minimum=ids=0", "--maximum=ids=49"],
    ),
    Kind(
        "two-inputs", TwoInputs, lambda rows, _: {"place": _ids(10, rows), "measured": _floats(rows, 3)},
        examples="npz", words=["--minimum=place=0", "--maximum=place=9"],
    ),
    Kind(
        "several-outputs", SeveralOutputs, lambda rows, _: {"rows": _floats(rows, 4)},
        outputs=["scores", "class", "hidden"],
        words=["--output-name=scores", "--output-name=class", "--output-name=hidden"],
    ),
    Kind(
        "fp16", InHalf, lambda rows, _: {"rows": _floats(rows, 4).half()},
        parameters={"datatype": "float16"}, tolerance=1e-3,
    ),
    Kind(
        "bf16", InHalf, lambda rows, _: {"rows": _floats(rows, 4).bfloat16()},
        parameters={"datatype": "bfloat16"}, examples="safetensors", tolerance=1e-2,
    ),
    Kind(
        "gives-dict", GivesDict, _words, lengths=[4, 6], asked=[2, 9], outputs=["logits", "last_hidden_state"],
        words=["--output-name=logits", "--output-name=last_hidden_state", "--maximum=input_ids=49"],
    ),
    Kind("named-tuple", Detector, lambda rows, _: {"rows": _floats(rows, 6)}, outputs=["boxes", "valid"]),
    Kind(
        "module-prefix", SeveralOutputs, lambda rows, _: {"rows": _floats(rows, 4)},
        weights="checkpoint.pth", prefix="module.", outputs=["output_0", "output_1", "output_2"],
    ),
)  # fmt: skip
