"""Bundles whose model gives back what it was asked, for the whole application to load."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.torch import save
from torch import Tensor, nn

from tests.doubles.reference_v1 import ReferenceModel
from tests.doubles.torch_bundles import make_torch_bundle

FACTORY = "tests.doubles.echo_bundles:Echo"


class Echo(nn.Module):
    """No parameters, no arithmetic."""

    def forward(self, rows: Tensor) -> Tensor:
        """The same numbers in memory of their own."""
        return rows.clone()


def make_echo_bundle(folder: Path, model: ReferenceModel) -> None:
    """Write the bundle of an echo model that the reference knows too."""
    within = model.minimum or 0.0
    make_torch_bundle(
        folder,
        name=model.name,
        version=model.version,
        factory=FACTORY,
        weights=save({}),
        example=np.full((2, model.width), within, model.dtype),
        minimum=model.minimum,
        maximum=model.maximum,
        labels=list(model.labels),
        threshold=model.threshold,
    )
