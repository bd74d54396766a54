"""A large model of the digits, 784-4096-4096-10, trained here: with random weights a loss of accuracy means nothing.

It learns from half of the held-out digits. The other half judges it.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from plimsoll.bundle.folder import Bundle
from plimsoll.runtime.bundle_making import Recipe, make_bundle
from plimsoll.runtime.pytorch.module_building import build_architecture
from plimsoll.runtime.pytorch.new_model import NewTorchModel
from safetensors.torch import save
from torch import nn

from benchmarks.server import REPOSITORY

SIZES = (784, 4096, 4096, 10)
_HELD_OUT = REPOSITORY / "training" / "digits-heldout.npz"
_ARCHITECTURE, _CONFIG = "digits-mlp", {"sizes": list(SIZES)}
_EPOCHS, _ROWS_OF_STEP, _RATE = 6, 50, 3e-4
_GOLDEN_ROWS = 32


class Digits(NamedTuple):
    """Pixels from 0 to 1, FP32 [rows, 784], and the digit of each row, UINT8 [rows]."""

    pixels: NDArray[np.float32]
    labels: NDArray[np.uint8]


def held_out_digits() -> Digits:
    """All of them, in an order of chance that is always the same."""
    with np.load(_HELD_OUT, allow_pickle=False) as archive:
        order = np.random.default_rng(0).permutation(len(archive["labels"]))
        return Digits((archive["pixels"][order] / 255).astype(np.float32), archive["labels"][order])


def judging_digits() -> Digits:
    """The half of which the model has learned nothing."""
    return _halves()[1]


def make_large_bundle(folder: Path, name: str, version: str) -> Bundle:
    """Train the model, and write its bundle."""
    pixels, labels = _halves()[0]
    torch.manual_seed(0)
    module = build_architecture(_ARCHITECTURE, _CONFIG)
    rows, classes = torch.from_numpy(pixels), torch.from_numpy(labels.astype(np.int64))
    optimiser = torch.optim.Adam(module.parameters(), lr=_RATE)
    for _ in range(_EPOCHS):
        for part in torch.split(torch.randperm(len(rows)), _ROWS_OF_STEP):
            optimiser.zero_grad()
            nn.functional.nll_loss(module(rows[part]).clamp_min(1e-9).log(), classes[part]).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    model = NewTorchModel(
        save(module.state_dict()), _CONFIG, architecture=_ARCHITECTURE, output_names=["probabilities"]
    )
    recipe = Recipe(
        name=name,
        version=version,
        examples=[{"pixels": pixels[:_GOLDEN_ROWS]}],
        minimum={"pixels": 0},
        maximum={"pixels": 1},
        labels=list(range(10)),
    )
    return make_bundle(folder, recipe, model)


def _halves() -> tuple[Digits, Digits]:
    pixels, labels = held_out_digits()
    half = len(pixels) // 2
    return Digits(pixels[:half], labels[:half]), Digits(pixels[half:], labels[half:])
