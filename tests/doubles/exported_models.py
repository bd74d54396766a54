"""Models that are exported to ONNX, and some that cannot be; bundles name them as factories."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from plimsoll.bundle.creation import write_bundle
from plimsoll.bundle.folder import Bundle
from plimsoll.bundle.golden import GoldenSamples
from plimsoll.inference.payloads import Tensors
from plimsoll.runtime.pytorch.architectures.digits_mlp import DigitsMlp
from safetensors.torch import save
from torch import nn

FACTORIES = [
    f"{__name__}:{name}" for name in ("Branches", "FixesRows", "Embeds", "SumsAndDifferences", "NamesOutputs", "Noisy")
]
_DATATYPES = {"float32": "FP32", "int64": "INT64"}


class Branches(DigitsMlp):
    """Does one thing or another, depending on the numbers of all rows."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Probabilities, or the same for every class."""
        if pixels.sum() > 0:
            return super().forward(pixels)
        return torch.full((len(pixels), 3), 1 / 3)


class FixesRows(nn.Module):
    """Works with any number of rows, in a way that the exporter cannot follow."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """The rows, doubled one by one."""
        return torch.stack([2 * pixels[index] for index in range(len(pixels))])


class Embeds(nn.Module):
    """Takes word numbers of any length."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(20, 4)
        self.head = nn.Linear(4, 3)

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        """Scores, from the mean of the words."""
        return self.head(self.words(words).mean(1))  # type: ignore[no-any-return]


class SumsAndDifferences(nn.Module):
    """Takes two inputs and gives two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor([1.0, 2.0, 3.0, 4.0]))

    def forward(self, left: torch.Tensor, right: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The sum, and the difference in whole numbers."""
        return (left + right) * self.scale, (left - right).long()


class NamesOutputs(nn.Module):
    """Gives two outputs by name, as transformers do."""

    def forward(self, left: torch.Tensor, right: torch.Tensor) -> dict[str, torch.Tensor]:
        """Another order than that of a signature, and one that it does not name."""
        return {"out1": left - right, "more": left, "out0": left + right}


class Noisy(nn.Module):
    """Answers differently each time, which no golden sample can show of one run."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """The rows, and noise on them."""
        return pixels + torch.rand_like(pixels)


def factory_bundle(folder: Path, name: str, inputs: Tensors, parameters: dict[str, Any] | None = None) -> Bundle:
    """A bundle of one of these models, with outputs `out0`, `out1`; every row of an input of INT64 has open length."""
    torch.manual_seed(0)
    module: nn.Module = globals()[name](**(parameters or {})).eval()
    with torch.inference_mode():
        result = module(*(torch.from_numpy(tensor.copy()) for tensor in inputs.values()))
    if isinstance(result, dict):
        result = result["out0"], result["out1"]
    results = result if isinstance(result, tuple) else (result,)
    outputs = {f"out{at}": tensor.numpy() for at, tensor in enumerate(results)}
    fields = {
        "schema_version": 2,
        "name": "exported",
        "version": "1",
        "task": "tensors",
        "licence": "MIT",
        "signature": {
            "inputs": [_described(each, tensor, is_open=tensor.dtype == np.int64) for each, tensor in inputs.items()],
            "outputs": [_described(each, tensor) for each, tensor in outputs.items()],
        },
        "framework": {"name": "pytorch", "version": "2"},
        "model": {
            "format": "safetensors",
            "weights": "weights.safetensors",
            "parameters": parameters or {},
            "factory": f"{__name__}:{name}",
        },
        "golden": {"file": "golden.safetensors", "absolute_tolerance": 1e-5, "relative_tolerance": 1e-5},
    }
    samples = GoldenSamples(inputs, outputs)
    return write_bundle(
        folder, fields, {"weights.safetensors": save(module.state_dict()), "golden.safetensors": samples.pack()}
    )


def _described(name: str, tensor: NDArray[Any], *, is_open: bool = False) -> dict[str, Any]:
    lengths = [-1] * (tensor.ndim - 1) if is_open else tensor.shape[1:]
    return {"name": name, "datatype": _DATATYPES[str(tensor.dtype)], "shape": [-1, *lengths]}
