"""Bundles that hold ONNX graphs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto
from plimsoll.bundle.creation import write_bundle
from plimsoll.bundle.folder import Bundle
from plimsoll.bundle.golden import GoldenSamples
from plimsoll.inference.payloads import Tensors

ROWS = np.random.default_rng(3).random((5, 4), np.float32)
VECTORS = {"name": "x", "datatype": "FP32", "shape": [-1, 4]}


def onnx_bundle(
    folder: Path,
    model: ModelProto | bytes,
    expected: Any,
    *,
    inputs: Tensors | None = None,
    signature: dict[str, Any] | None = None,
    version: str = "1",
) -> Bundle:
    """A bundle `graph` of a graph from `x` to `y`, with `ROWS` and the expected answers as golden samples."""
    expected = np.asarray(expected)
    output = {"name": "y", "datatype": "FP32", "shape": [-1, *expected.shape[1:]]}
    samples = GoldenSamples(inputs or {"x": ROWS}, {"y": expected})
    content = model if isinstance(model, bytes) else model.SerializeToString()
    fields = {
        "schema_version": 2,
        "name": "graph",
        "version": version,
        "task": "tensors",
        "licence": "MIT",
        "signature": signature or {"inputs": [VECTORS], "outputs": [output]},
        "framework": {"name": "onnx", "version": "opset 18"},
        "model": {"format": "onnx", "graph": "model.onnx"},
        "golden": {"file": "golden.safetensors", "absolute_tolerance": 1e-5, "relative_tolerance": 1e-5},
    }
    return write_bundle(folder, fields, {"model.onnx": content, "golden.safetensors": samples.pack()})
