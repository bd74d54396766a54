"""Bundles of torch modules with one input and one output."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from plimsoll.bundle.folder import Bundle
from plimsoll.runtime.bundle_making import Recipe, make_bundle
from plimsoll.runtime.pytorch.new_model import NewTorchModel


def make_torch_bundle(folder: Path, remark: Callable[[str], None] = lambda _: None, **parts: Any) -> Bundle:
    """Write the bundle; `parts` goes to the model and to the recipe, each by its names."""
    of_model = {
        name: parts.pop(name) for name in ("architecture", "factory", "output_names", "bfloat16") if name in parts
    }
    model = NewTorchModel(parts.pop("weights"), parts.pop("parameters", {}), **of_model)
    name = parts.pop("input_name", "input")
    bounds = {side: parts.pop(side, None) for side in ("minimum", "maximum")}
    parts |= {side: {} if bound is None else {name: bound} for side, bound in bounds.items()}
    recipe = Recipe(examples=[{name: parts.pop("example")}], **parts)
    return make_bundle(folder, recipe, model, remark)
