"""The models, the rows that they are asked for, and what torch answers to them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from plimsoll.bundle.folder import open_bundle
from plimsoll.bundle.manifest import MANIFEST_FILE
from plimsoll.runtime import bundle_making
from plimsoll.runtime.bundle_making import Recipe, make_bundle
from plimsoll.runtime.loader_options import LoaderOptions
from plimsoll.runtime.loading import new_loader
from plimsoll.runtime.onnx_export import export_bundle
from plimsoll.runtime.onnx_file import GRAPH_FILE
from plimsoll.runtime.pytorch import onnx_export
from plimsoll.runtime.pytorch.module_building import build_architecture
from plimsoll.runtime.pytorch.new_model import NewTorchModel
from safetensors.torch import load_file, save

from benchmarks.bench import texts
from benchmarks.bench.environments import CACHE
from benchmarks.bench.made_once import make_once
from benchmarks.bench.task_rows import task_rows
from benchmarks.bench.texts import make_minilm_bundle, make_minilm_of_texts, texts_and_vectors
from benchmarks.bench.wires import BYTES, JSON, OF_ONE_SIZE, PICTURE, TEXT, TOKENS, Row
from benchmarks.known_rows import distinct_rows
from benchmarks.server import REPOSITORY
from training import minilm, minilm_encoder

ARCHITECTURE = "digits-mlp"
_SEED = 8
_DECIMALS = 4
"""784 numbers of so many decimals are a body of 5.4 kB."""
_ROWS = 64
_CANDIDATES = 512
_APART = 1e-3
_GOLDEN_ROWS = 8
_MAKERS = (Path(bundle_making.__file__), Path(minilm_encoder.__file__))


@dataclass(frozen=True, slots=True)
class Workload:
    """A model as a bundle, how rows go to it and over how many connections, and which latency is good enough."""

    key: str
    about: str
    models: Path
    name: str
    version: str
    tensor: str
    sizes: tuple[int, ...]
    connections: tuple[int, ...]
    objective_ms: float
    wire: str = JSON

    @property
    def bundle(self) -> Path:
        """The folder of the bundle."""
        return self.models / self.name / self.version

    @property
    def weights(self) -> Path:
        """The file that every server loads, unless it is served as a graph."""
        return self.bundle / "weights.safetensors"

    @property
    def graph(self) -> Path:
        """The same model for ONNX Runtime, once `make_models` has made it."""
        return _GRAPHS / self.name / self.version / GRAPH_FILE

    @property
    def desired(self) -> str:
        """The desired state in which the service serves this model alone."""
        return f"models: [{{name: {self.name}, versions: [{{version: '{self.version}'}}]}}]"


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows, and the probabilities that torch gives them, [rows, classes]; no two are alike."""

    rows: tuple[Row, ...]
    expected: NDArray[np.float32]


_GRAPHS = CACHE / "onnx"
_DIGITS = (REPOSITORY / "models", "digits", "1", "pixels", (784, 256, 128, 10))
SMALL = Workload("A", "small", *_DIGITS, (1, 8, 64, 128), 20)
SMALL_IN_BYTES = Workload("A-bytes", "small, in bytes", *_DIGITS, (64, 128), 20, BYTES)
HEAVY = Workload("B", "heavy", CACHE / "models", "heavy", "1", "features", (784, 4096, 4096, 10), (8, 32, 64, 128), 100)
TEXTS = Workload("C", "texts, MiniLM", CACHE / "models", "minilm", "1", "input_ids", (), (1, 8, 64), 100, TOKENS)
_EXAMPLES = REPOSITORY / "examples" / "models"
SENTIMENT = Workload("T", "texts to classes", _EXAMPLES, "sentiment", "1", "text", (), (16,), 100, TEXT)
EMBEDDINGS = Workload("E", "texts to vectors, MiniLM", CACHE / "tasks", "minilm", "1", "text", (), (16,), 1000, TEXT)
GARMENTS = Workload("P", "pictures to classes", _EXAMPLES, "garments", "1", "picture", (), (16,), 100, PICTURE)
WORKLOADS = {each.key: each for each in (SMALL, SMALL_IN_BYTES, HEAVY, TEXTS, SENTIMENT, EMBEDDINGS, GARMENTS)}


def make_models(workload: Workload) -> None:
    """Make the bundle of a workload, and its graph for ONNX Runtime, unless they are there as this code makes them.

    Raises:
        Unavailable: it is MiniLM, whose weights cannot be had.
    """
    if workload is HEAVY:
        make_once(HEAVY.bundle, [Path(__file__), *_MAKERS], _make_heavy_bundle)
    if workload.wire == TOKENS:
        make = partial(make_minilm_bundle, workload.models, workload.name, workload.version)
        make_once(workload.bundle, [Path(texts.__file__), *_MAKERS], make)
    elif workload is EMBEDDINGS:
        make_once(workload.bundle, [Path(minilm.__file__), *_MAKERS], partial(make_minilm_of_texts, workload.models))
    elif workload.wire in OF_ONE_SIZE:
        sources = [workload.bundle / MANIFEST_FILE, Path(onnx_export.__file__)]
        make_once(workload.graph.parent, sources, partial(_make_graph, workload))


def _make_heavy_bundle() -> None:
    """Write the bundle of the heavy model with weights of a fixed seed."""
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


def _make_graph(workload: Workload) -> None:
    """Export the bundle for ONNX Runtime, in float32."""
    loader = new_loader(LoaderOptions(threads=1), max_batch_rows=_GOLDEN_ROWS, inline_budget_seconds=0)
    export_bundle(
        open_bundle(workload.bundle), _GRAPHS, workload.version, loader, partial(onnx_export.export_graph, factories=())
    )


def rows_of(workload: Workload) -> Rows:
    """Rows whose answers lie so far apart that another row's answer is seen to be wrong."""
    if workload.wire == TOKENS:
        tokens, vectors = texts_and_vectors(workload.weights, _ROWS)
        return Rows(tuple(Row(str(each.tolist()), each) for each in tokens), vectors)
    if workload.wire not in OF_ONE_SIZE:
        rows, answers = task_rows(workload.bundle, workload.wire, _ROWS)
        return Rows(tuple(rows), answers)
    candidates, answers = answers_of(workload)
    kept = distinct_rows([answers], _APART)[:_ROWS]
    return Rows(tuple(_row(candidates[row]) for row in kept), answers[kept])


def answers_of(workload: Workload) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Many rows of a perceptron, and the probabilities that torch gives them, [rows, classes]."""
    module = build_architecture(ARCHITECTURE, {"sizes": list(workload.sizes)}).eval()
    module.load_state_dict(load_file(workload.weights))
    candidates = _candidates(workload.sizes[0])
    with torch.inference_mode():
        return candidates, module(torch.from_numpy(candidates)).numpy()


def _row(values: NDArray[np.float32]) -> Row:
    numbers = [round(float(number), _DECIMALS) for number in values]
    return Row(json.dumps(numbers, separators=(",", ":")), values)


def _candidates(columns: int) -> NDArray[np.float32]:
    """Noise from 0 to 1; all rows but the first in different strengths, so that their answers differ."""
    generator = np.random.default_rng(_SEED)
    rows = generator.random((_CANDIDATES, columns)) * generator.random((_CANDIDATES, columns // 8)).repeat(8, axis=1)
    rows[0] = generator.random(columns)
    return rows.round(_DECIMALS).astype(np.float32)
