"""A model that hangs or prints when a row asks for it, and that may take for ever to load."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save

from tests.doubles.torch_bundles import make_torch_bundle

REPOSITORY = Path(__file__).parents[2]
FACTORY = "tests.doubles.troublesome_model:make"
SLEEP, SPIN, PRINT = 7.0, 8.0, 9.0
_FOR_EVER_SECONDS = 3600


class HangingModel(torch.nn.Module):
    """Gives back its two numbers; the first one may ask for trouble."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(1))

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """The rows, after what the first number asks for."""
        if bool((rows == SLEEP).any()):
            time.sleep(_FOR_EVER_SECONDS)
        while bool((rows == SPIN).any()):
            pass
        if bool((rows == PRINT).any()):
            print("x" * 100_000)  # noqa: T201  # what it is for
        return rows * self.scale


def make(wait_for: str = "") -> HangingModel:
    """The model; with `wait_for`, once that file is there."""
    while wait_for and not Path(wait_for).exists():
        time.sleep(0.01)
    return HangingModel()


def make_hanging_bundle(models: Path, wait_for: Path | None = None) -> dict[str, str]:
    """Write the bundle of one, and give the variables by which a server serves it."""
    if wait_for is not None:
        wait_for.touch()
    make_torch_bundle(
        models,
        name="hanging",
        version="1",
        factory=FACTORY,
        parameters={} if wait_for is None else {"wait_for": str(wait_for)},
        weights=save(HangingModel().state_dict()),
        example=np.random.default_rng(0).random((4, 2), dtype=np.float32),
        labels=["a", "b"],
        minimum=0,
        maximum=10,
    )
    if wait_for is not None:
        wait_for.unlink()
    return {"PLIMSOLL_FACTORIES": FACTORY, "PYTHONPATH": str(REPOSITORY)}
