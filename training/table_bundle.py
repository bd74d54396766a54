"""Writes a network for rows of a table as an ONNX bundle with columns, golden samples and golden requests."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from plimsoll.bundle.folder import Bundle
from plimsoll.inference.payloads import Signature, TensorSpec
from plimsoll.runtime.bundle_making import Recipe
from plimsoll.runtime.onnx.new_model import NewOnnxModel
from plimsoll.runtime.pytorch.onnx_export import export_module
from plimsoll.tasks.column_options import columns_of
from torch import nn

from training.example_bundle import replace_bundle

INPUT = "rows"


@dataclass(frozen=True)
class TableModel:
    """A trained network and what its bundle says about it. `requests` are bodies that become golden requests."""

    name: str
    version: str
    task: str
    output: str
    labels: Sequence[str]
    options: Mapping[str, Any]
    module: nn.Module
    golden: Sequence[Mapping[str, Any]]
    requests: Sequence[Any]
    about: Mapping[str, Any]


def numbers_of(columns: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]) -> NDArray[np.float32]:
    """Rows of columns by name as the server makes rows of numbers of them."""
    widths = [len(each["values"]) if each["kind"] == "category" else 1 for each in columns]
    table = columns_of(TensorSpec(INPUT, "FP32", (-1, sum(widths))), {"columns": list(columns)})
    assert table is not None  # noqa: S101  # the option is given
    return np.array([table.numbers(row, index) for index, row in enumerate(rows)], np.float32)


def publish(model: TableModel) -> Bundle:
    """Write the bundle into examples/models, in the place of an earlier run's."""
    golden = numbers_of(model.options["columns"], model.golden)
    signature = Signature(
        (TensorSpec(INPUT, "FP32", (-1, golden.shape[1])),),
        (TensorSpec(model.output, "FP32", (-1, len(model.labels))),),
    )
    graph = NewOnnxModel(export_module(model.module, {INPUT: golden}, signature))
    recipe = Recipe(
        name=model.name, version=model.version, task=model.task, examples=[{INPUT: golden}], labels=model.labels,
        licence="Apache-2.0", about={"options": dict(model.options), **model.about},
    )  # fmt: skip
    bodies = [json.dumps(body).encode() for body in model.requests]
    return replace_bundle(recipe, graph, bodies)
