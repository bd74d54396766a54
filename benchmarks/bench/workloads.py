"""The two models, their rows, and what torch answers to them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from plimsoll.runtime.bundle_making import Recipe, make_bundle
from plimsoll.runtime.pytorch.module_building import build_architecture
from plimsoll.runtime.pytorch.new_model import NewTorchModel
from safetensors.torch import load_file, save

from benchmarks.bench.environments import CACHE
from benchmarks.known_rows import distinct_rows
from benchmarks.server import REPOSITORY

ARCHITECTURE = "digits-mlp"
_SEED = 8
_DECIMALS = 4
"""784 numbers of so many decimals are a body of 5.4 kB."""
_ROWS = 64
_CANDIDATES = 512
_APART = 1e-3
_GOLDEN_ROWS = 8


@dataclass(frozen=True, slots=True)
class Workload:
    """A model as a bundle, and over how many connections it is asked."""

    key: str
    about: str
    models: Path
    name: str
    version: str
    sizes: tuple[int, ...]
    connections: tuple[int, ...]

    @property
    def weights(self) -> Path:
        """The file that every server loads."""
        return self.models / self.name / self.version / "weights.safetensors"

    @property
    def desired(self) -> str:
        """The desired state in which the service serves this model alone."""
        return f"models: [{{name: {self.name}, versions: [{{version: '{self.version}'}}]}}]"


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows as JSON text, and the probabilities that torch gives them, [rows, classes]; no two are alike."""

    texts: tuple[str, ...]
    expected: NDArray[np.float32]


SMALL = Workload("A", "small", REPOSITORY / "models", "digits", "1", (784, 256, 128, 10), (1, 8, 64, 128))
HEAVY = Workload("B", "heavy", CACHE / "models", "heavy", "1", (784, 4096, 4096, 10), (8, 32, 64, 128))


def make_heavy_bundle() -> None:
    """Write the bundle of the heavy model with weights of a fixed seed, unless it is there."""
    if (HEAVY.models / HEAVY.name / HEAVY.version).is_dir():
        return
    generator = torch.Generator().manual_seed(_SEED)
    module = build_architecture(ARCHITECTURE, {"sizes": list(HEAVY.sizes)})
    with torch.no_grad():
        for parameter in module.parameters():
            wide = parameter.shape[-1]
            scale = np.sqrt(2 / wide) if parameter.dim() > 1 else 0.0
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * scale)
    recipe = Recipe(
        name=HEAVY.name,
        version=HEAVY.version,
        examples=[{"features": _candidates(HEAVY.sizes[0])[:_GOLDEN_ROWS]}],
        labels=list(range(HEAVY.sizes[-1])),
    )
    model = NewTorchModel(
        save(module.state_dict()),
        {"sizes": list(HEAVY.sizes)},
        architecture=ARCHITECTURE,
        output_names=["probabilities"],
    )
    make_bundle(HEAVY.models, recipe, model)


def rows_of(workload: Workload) -> Rows:
    """Rows whose answers lie so far apart that another row's answer is seen to be wrong."""
    module = build_architecture(ARCHITECTURE, {"sizes": list(workload.sizes)}).eval()
    module.load_state_dict(load_file(workload.weights))
    candidates = _candidates(workload.sizes[0])
    with torch.inference_mode():
        answers = module(torch.from_numpy(candidates)).numpy()
    kept = distinct_rows([answers], _APART)[:_ROWS]
    texts = tuple(
        json.dumps([round(float(number), _DECIMALS) for number in candidates[row]], separators=(",", ":"))
        for row in kept
    )
    return Rows(texts, answers[kept])


def _candidates(columns: int) -> NDArray[np.float32]:
    """Noise from 0 to 1; all rows but the first in different strengths, so that their answers differ."""
    generator = np.random.default_rng(_SEED)
    rows = generator.random((_CANDIDATES, columns)) * generator.random((_CANDIDATES, columns // 8)).repeat(8, axis=1)
    rows[0] = generator.random(columns)
    return rows.round(_DECIMALS).astype(np.float32)
