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
from plimsoll.runtime.loader_options import LoaderOptions
from plimsoll.runtime.loading import new_loader
from plimsoll.runtime.onnx_export import export_bundle
from plimsoll.runtime.onnx_file import GRAPH_FILE
from plimsoll.runtime.pytorch import onnx_export
from plimsoll.runtime.pytorch.module_building import build_architecture
from safetensors.torch import load_file

from benchmarks import large_model
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
HEAVY = Workload("B", "heavy", CACHE / "models", "heavy", "1", "pixels", large_model.SIZES, (8, 32, 64, 128), 100)
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
        train = partial(large_model.make_large_bundle, HEAVY.models, HEAVY.name, HEAVY.version)
        make_once(HEAVY.bundle, [Path(large_model.__file__), *_MAKERS], train)
    if workload.wire == TOKENS:
        make = partial(make_minilm_bundle, workload.models, workload.name, workload.version)
        make_once(workload.bundle, [Path(texts.__file__), *_MAKERS], make)
    elif workload is EMBEDDINGS:
        make_once(workload.bundle, [Path(minilm.__file__), *_MAKERS], partial(make_minilm_of_texts, workload.models))
    elif workload.wire in OF_ONE_SIZE:
        sources = [workload.bundle / MANIFEST_FILE, Path(onnx_export.__file__)]
        make_once(workload.graph.parent, sources, partial(_make_graph, workload))


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
    module = build_architecture(ARCHITECTURE, {"sizes": list(workload.sizes)}).eval()
    module.load_state_dict(load_file(workload.weights))
    candidates = _judging_rows() if workload is HEAVY else _noise(workload.sizes[0])
    with torch.inference_mode():
        answers = module(torch.from_numpy(candidates)).numpy()
    kept = distinct_rows([answers], _APART)[:_ROWS]
    return Rows(tuple(_row(candidates[row]) for row in kept), answers[kept])


def _row(values: NDArray[np.float32]) -> Row:
    numbers = [round(float(number), _DECIMALS) for number in values]
    return Row(json.dumps(numbers, separators=(",", ":")), values)


def _judging_rows() -> NDArray[np.float32]:
    return large_model.judging_digits().pixels.round(_DECIMALS)


def _noise(columns: int) -> NDArray[np.float32]:
    """Noise from 0 to 1; all rows but the first in different strengths, so that their answers differ."""
    generator = np.random.default_rng(_SEED)
    rows = generator.random((_CANDIDATES, columns)) * generator.random((_CANDIDATES, columns // 8)).repeat(8, axis=1)
    rows[0] = generator.random(columns)
    return rows.round(_DECIMALS).astype(np.float32)
