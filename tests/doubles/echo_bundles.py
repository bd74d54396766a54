"""Bundles whose model gives back what it was asked, for the whole application to load."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from plimsoll.runtime.pytorch.bundle_making import Recipe, make_bundle
from safetensors.torch import save
from torch import Tensor, nn

from tests.doubles.reference_v1 import ReferenceModel

FACTORY = "tests.doubles.echo_bundles:Echo"


class Echo(nn.Module):
    """No parameters, no arithmetic."""

    def forward(self, rows: Tensor) -> Tensor:
        """The same numbers in memory of their own."""
        return rows.clone()


def make_echo_bundle(folder: Path, model: ReferenceModel) -> None:
    """Write the bundle of an echo model that the reference knows too."""
    within = model.minimum or 0.0
    recipe = Recipe(
        name=model.name,
        version=model.version,
        architecture=None,
        factory=FACTORY,
        parameters={},
        weights=save({}),
        example=np.full((2, model.width), within, model.dtype),
        minimum=model.minimum,
        maximum=model.maximum,
        labels=list(model.labels),
        threshold=model.threshold,
    )
    make_bundle(folder, recipe)
