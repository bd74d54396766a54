"""The model of every peer: the weights of a bundle, without Plimsoll. Needs torch, numpy and safetensors.

The file of weights is named by `BENCH_WEIGHTS`, and torch runs on one thread.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

COLUMNS = 784


class Perceptron:
    """Linear layers with ReLUs between them and a softmax behind them."""

    def __init__(self) -> None:
        torch.set_num_threads(1)
        tensors = load_file(os.environ["BENCH_WEIGHTS"])
        stages = sorted({int(name.split(".")[1]) for name in tensors})
        layers: list[nn.Module] = []
        for stage in stages:
            layers += [_linear(tensors[f"layers.{stage}.weight"], tensors[f"layers.{stage}.bias"]), nn.ReLU()]
        self._module = nn.Sequential(*layers[:-1], nn.Softmax(dim=-1)).eval()

    def __call__(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """The probabilities of rows of pixels, [rows, classes] of [rows, columns]."""
        with torch.inference_mode():
            return self._module(torch.from_numpy(rows)).numpy()  # type: ignore[no-any-return]

    def answers(self, rows: NDArray[np.float32]) -> list[dict[str, Any]]:
        """What a client is told of each row."""
        return [answer(row) for row in self(rows)]


def answer(probabilities: NDArray[np.float32]) -> dict[str, Any]:
    """The likeliest class and the probabilities of all."""
    return {"class": int(probabilities.argmax()), "probabilities": probabilities.tolist()}


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    layer.load_state_dict({"weight": weight, "bias": bias})
    return layer
