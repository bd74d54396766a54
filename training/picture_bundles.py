"""Writes the bundles of models that take pictures, with golden requests."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from plimsoll.inference.payloads import Signature, TensorSpec
from plimsoll.runtime.bundle_making import Recipe
from plimsoll.runtime.onnx.new_model import NewOnnxModel
from plimsoll.runtime.pytorch.onnx_export import export_module
from torch import nn

from training.example_bundle import replace_bundle

INPUT = "pixels"
LICENCE = "Apache-2.0"


@dataclass(frozen=True)
class Card:
    """What the manifest of a model says; `requests` are pictures whose answers are kept as golden requests."""

    name: str
    task: str
    labels: Sequence[str] | None
    golden: NDArray[np.float32]
    requests: Sequence[Image.Image]
    about: Mapping[str, Any]


def publish(card: Card, model: nn.Module) -> None:
    """Write version 1 of a model into examples/models, in the place of an earlier run's."""
    with torch.inference_mode():
        answers = model(torch.from_numpy(card.golden[:2]))
    outputs = {"boxes": answers[0], "scores": answers[1]} if isinstance(answers, tuple) else {"probabilities": answers}
    graph = export_module(model, {INPUT: card.golden}, _signature(card.golden, outputs))
    recipe = Recipe(
        name=card.name, version="1", examples=[{INPUT: card.golden}], labels=card.labels, licence=LICENCE,
        task=card.task, about=card.about,
    )  # fmt: skip
    bodies = [json.dumps({"image": base64_of(png(each))}).encode() for each in card.requests]
    bodies.append(json.dumps({"instances": [base64_of(png(each)) for each in card.requests]}).encode())
    replace_bundle(recipe, NewOnnxModel(graph), bodies)


def png(picture: Image.Image) -> bytes:
    """The picture as a PNG."""
    content = io.BytesIO()
    picture.save(content, "PNG", optimize=True)
    return content.getvalue()


def base64_of(content: bytes) -> str:
    """The text of the bytes."""
    return base64.b64encode(content).decode()


def _signature(golden: NDArray[np.float32], outputs: Mapping[str, torch.Tensor]) -> Signature:
    return Signature(
        (TensorSpec(INPUT, "FP32", (-1, *golden.shape[1:])),),
        tuple(TensorSpec(name, "FP32", (-1, *each.shape[1:])) for name, each in outputs.items()),
    )
