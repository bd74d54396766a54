"""The digits model at a pace of its own, which sometimes fails: for canaries that misbehave."""

from __future__ import annotations

import random
import time

from plimsoll.runtime.pytorch.architectures.digits_cnn import DigitsCnn
from plimsoll.runtime.pytorch.architectures.digits_mlp import DigitsMlp
from torch import Tensor, nn

GOLDEN_MARK = 0.5
"""The first pixel of a golden row; that of any other is 0. Golden rows never fail, so that every version loads."""


class Paced(nn.Module):
    """The digits model, whose passes take a random time.

    It is lognormal: its median is `median_seconds`, and the deviation of its logarithm `spread`. What the digits do not
    need of it is slept, so that versions of different cost are alike, and a busy machine changes little. A pass without
    a golden row raises with probability `failing`.
    """

    def __init__(self, digits: nn.Module, median_seconds: float, spread: float, failing: float) -> None:
        super().__init__()
        self.digits = digits
        self._median_seconds = median_seconds
        self._spread = spread
        self._failing = failing
        self._chance = random.Random()  # noqa: S311  # no secret

    def forward(self, pixels: Tensor) -> Tensor:
        """Probabilities, shape [rows, classes]."""
        ends = time.monotonic() + self._median_seconds * self._chance.lognormvariate(0, self._spread)
        probabilities: Tensor = self.digits(pixels)
        time.sleep(max(0.0, ends - time.monotonic()))
        golden = bool((pixels[:, 0] == GOLDEN_MARK).any())
        if self._chance.random() < self._failing and not golden:
            raise RuntimeError("this version of the model fails now and then")
        return probabilities


def paced(digits: str, median_seconds: float, spread: float, failing: float) -> nn.Module:
    """The architecture of a bundle, whose parameters these are. `digits` is that of the repository's own model."""
    models: dict[str, nn.Module] = {"mlp": DigitsMlp([784, 256, 128, 10]), "cnn": DigitsCnn([16, 32], 10)}
    return Paced(models[digits], median_seconds, spread, failing)
