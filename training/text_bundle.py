"""Writes a network over tokens as an ONNX bundle of examples/models/, and held-out texts for the tests."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from plimsoll.bundle.folder import Bundle
from plimsoll.inference.payloads import Signature, TensorSpec
from plimsoll.runtime.bundle_making import Recipe
from plimsoll.runtime.onnx.new_model import NewOnnxModel
from plimsoll.runtime.pytorch.onnx_export import export_module
from plimsoll.tasks.text_tokens import TextTokenizer
from torch import nn

from training.example_bundle import replace_bundle
from training.statistics import Proportion

HERE = Path(__file__).parent
HELD_OUT = HERE / "heldout"
IDS, MASK = "input_ids", "attention_mask"
_GOLDEN_ROWS = 4


@dataclass(frozen=True)
class TextBundle:
    """The parts of a bundle: a trained network from ids and mask to `output`, the file of its tokenizer, and examples.

    Texts are padded to `lengths`. The `examples` become golden samples and golden requests.
    """

    name: str
    task: str
    network: nn.Module = field(repr=False)
    tokenizer: bytes = field(repr=False)
    output: str
    labels: Sequence[str]
    lengths: Sequence[int]
    examples: Sequence[str]
    licence: str
    about: Mapping[str, Any]
    metrics: Mapping[str, Proportion]
    version: str = "1"


def write_text_bundle(parts: TextBundle) -> Bundle:
    """Write the bundle in the place of an earlier one."""
    tokenizer = TextTokenizer(parts.task, parts.tokenizer, parts.lengths[-1], offsets=False)
    golden = _golden_rows(tokenizer, parts.examples)
    model = NewOnnxModel(export_module(parts.network, golden, _signature(parts)))
    options = {"padding": {"lengths": list(parts.lengths), "mask": MASK, "values": {IDS: 0}}}
    recipe = Recipe(
        name=parts.name,
        version=parts.version,
        examples=[golden],
        minimum={IDS: 0},
        maximum={IDS: tokenizer.highest_id},
        labels=parts.labels,
        licence=parts.licence,
        task=parts.task,
        files={"tokenizer.json": parts.tokenizer},
        about={
            **parts.about, "options": options,
            "metrics": {name: asdict(figure) for name, figure in parts.metrics.items()},
        },
    )  # fmt: skip
    bodies = [json.dumps({"text": text}).encode() for text in parts.examples]
    bodies.append(json.dumps({"instances": list(parts.examples)}).encode())
    return replace_bundle(recipe, model, bodies)


def write_held_out(file: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as compressed JSON, the same bytes each time."""
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(gzip.compress(json.dumps(rows, ensure_ascii=False).encode(), mtime=0))


def read_held_out(name: str) -> list[dict[str, Any]]:
    """The held-out rows of a model."""
    rows: list[dict[str, Any]] = json.loads(gzip.decompress((HELD_OUT / f"{name}.json.gz").read_bytes()))
    return rows


def _golden_rows(tokenizer: TextTokenizer, texts: Sequence[str]) -> dict[str, NDArray[np.int64]]:
    """Rows of one length, that of the shortest of the first examples."""
    tokens = [each.ids for each in tokenizer.tokens(texts[:_GOLDEN_ROWS])]
    length = min(map(len, tokens))
    ids = np.array([each[:length] for each in tokens], np.int64)
    return {IDS: ids, MASK: np.ones_like(ids)}


def _signature(parts: TextBundle) -> Signature:
    shape = (-1, -1, len(parts.labels)) if parts.task == "token-classification" else (-1, len(parts.labels))
    inputs = TensorSpec(IDS, "INT64", (-1, -1)), TensorSpec(MASK, "INT64", (-1, -1))
    return Signature(inputs, (TensorSpec(parts.output, "FP32", shape),))
