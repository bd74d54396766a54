"""Fixtures that more than one room uses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from plimsoll.bundle.folder import Bundle
from plimsoll.runtime.pytorch.module_building import build_architecture
from plimsoll.settings import prepare_libraries
from safetensors.torch import save

from tests.doubles.torch_bundles import make_torch_bundle

MakeBundle = Callable[..., Bundle]

# As every command does first: the instrumentation decides once, at its first use, which conventions it speaks.
prepare_libraries()


@pytest.fixture
def make_tiny_bundle(tmp_path: Path) -> MakeBundle:
    """Makes real bundles of a tiny classifier of 4 numbers into 3 classes under `tmp_path/models`."""

    def make(name: str = "tiny", version: str = "1", seed: int = 0, **changes: Any) -> Bundle:
        torch.manual_seed(seed)
        parameters = {"sizes": [4, 8, 3]}
        recipe: dict[str, Any] = {
            "name": name,
            "version": version,
            "architecture": "digits-mlp",
            "parameters": parameters,
            "weights": save(build_architecture("digits-mlp", parameters).state_dict()),
            "example": np.random.default_rng(seed).random((5, 4), dtype=np.float32),
            "labels": ["a", "b", "c"],
            "minimum": 0,
            "maximum": 1,
        }
        return make_torch_bundle(tmp_path / "models", **(recipe | changes))

    return make
