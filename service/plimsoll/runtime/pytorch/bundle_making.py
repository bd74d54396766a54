"""Makes a bundle out of trained weights: derives the signature and the golden samples by running the model."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from plimsoll.bundle.checked_file import CheckedFile
from plimsoll.bundle.class_labels import Classes, check_choices, classes_of
from plimsoll.bundle.creation import check_text, write_bundle
from plimsoll.bundle.folder import Bundle
from plimsoll.bundle.golden import GoldenSamples, all_finite, check_bounds
from plimsoll.bundle.manifest import Manifest
from plimsoll.errors import BundleError
from plimsoll.inference.payloads import NUMPY_DTYPES
from plimsoll.runtime.foreign_code import foreign_code
from plimsoll.runtime.pytorch.module_building import build_architecture, build_with_factory
from plimsoll.runtime.pytorch.weights_file import load_weights
from plimsoll.runtime.pytorch.weights_prefix import without_prefix

WEIGHTS_FILE = "weights.safetensors"
GOLDEN_FILE = "golden.safetensors"


@dataclass(frozen=True, slots=True)
class Recipe:
    """The parts of a new bundle.

    `example` holds rows of the one input, shape [rows, ...]; they become the golden samples. Without a `task` it is
    `tabular-classification` with `labels` and `tensors` without. `threshold` parts the two classes of a model that
    gives one score a row. `about` holds further fields of the manifest, such as training data or measured metrics. A
    `factory`, `package.module:callable`, takes the place of a registered architecture; it is imported and called here.
    """

    name: str
    version: str
    architecture: str | None
    parameters: Mapping[str, Any]
    weights: bytes = field(repr=False)
    example: NDArray[Any] = field(repr=False)
    input_name: str = "input"
    output_name: str = "output"
    minimum: float | None = None
    maximum: float | None = None
    labels: Sequence[str | int] | None = None
    threshold: float | None = None
    licence: str = "unknown"
    absolute_tolerance: float = 1e-4
    relative_tolerance: float = 1e-3
    about: Mapping[str, Any] = field(default_factory=dict)
    factory: str | None = None
    task: str | None = None


def make_bundle(
    folder: Path,
    recipe: Recipe,
    remark: Callable[[str], None] = lambda _: None,
    check_manifest: Callable[[Manifest], object] = lambda _: None,
) -> Bundle:
    """Write the bundle `<folder>/<name>/<version>`; it has passed its own golden samples by construction.

    When the bundle is written, `remark` hears what was done that nobody asked for, and what looks like a mistake.
    `check_manifest` raises a `BundleError` for a manifest of which no bundle should be made.

    Raises:
        BundleError: the weights do not fit the architecture, the example does not fit the model, or a field is wrong.
    """
    check_choices(recipe.labels, recipe.threshold)
    remarks: list[str] = []
    example = _plain(recipe.example)
    module = _build(recipe)
    weights = _fill(module, recipe.weights, remarks.append)
    outputs = _run(module, example)
    samples = GoldenSamples({recipe.input_name: example}, {recipe.output_name: outputs})
    classes = classes_of(outputs, recipe.labels, recipe.threshold, remarks.append)
    fields = _fields(recipe, example, outputs, classes)
    if double := sorted(set(fields) & set(recipe.about)):
        raise BundleError("manifest", f"these fields follow from the rest and cannot be told: {', '.join(double)}")

    def check(manifest: Manifest) -> None:
        check_bounds(samples, manifest.line_signature())
        check_manifest(manifest)

    fields |= recipe.about
    check_text(fields)  # before the samples are packed under the names of the tensors
    bundle = write_bundle(folder, fields, {WEIGHTS_FILE: weights, GOLDEN_FILE: samples.pack()}, check)
    for each in remarks:
        remark(each)
    return bundle


def _fields(recipe: Recipe, example: NDArray[Any], outputs: NDArray[Any], classes: Classes) -> dict[str, Any]:
    """The fields of the manifest that follow from the recipe and from what the model did."""
    return {
        "schema_version": 2,
        "name": recipe.name,
        "version": recipe.version,
        "task": recipe.task or ("tabular-classification" if recipe.labels else "tensors"),
        "licence": recipe.licence,
        "signature": {
            "inputs": [_tensor(recipe.input_name, example, minimum=recipe.minimum, maximum=recipe.maximum)],
            "outputs": [_tensor(recipe.output_name, outputs, **classes._asdict())],
        },
        "framework": {"name": "pytorch", "version": torch.__version__.partition("+")[0]},
        "model": {
            "format": "safetensors",
            "weights": WEIGHTS_FILE,
            **({"factory": recipe.factory} if recipe.factory else {"architecture": recipe.architecture}),
            "parameters": dict(recipe.parameters),
        },
        "golden": {
            "file": GOLDEN_FILE,
            "absolute_tolerance": recipe.absolute_tolerance,
            "relative_tolerance": recipe.relative_tolerance,
        },
    }


def _plain(example: NDArray[Any]) -> NDArray[Any]:
    """The same numbers in rows one after the other, in this machine's byte order."""
    if example.ndim == 0 or not len(example):
        raise BundleError("golden", "the example needs at least one row, [rows, ...]")
    if example.ndim == 1:
        raise BundleError(
            "golden",
            f"the example is one list of {len(example)} numbers, and rows are expected, [rows, ...]; if it is one row, "
            "save example[None]",
        )
    if not all_finite(example):
        raise BundleError("golden", "the example holds numbers that are not finite")
    return np.ascontiguousarray(example, dtype=example.dtype.newbyteorder("="))


def _build(recipe: Recipe) -> nn.Module:
    if recipe.factory is not None:
        return build_with_factory(recipe.factory, recipe.parameters, [recipe.factory])
    return build_architecture(recipe.architecture or "", recipe.parameters)


def _fill(module: nn.Module, weights: bytes, remark: Callable[[str], None]) -> bytes:
    """Read the weights into the module; returns them as they were read, without the prefix of a wrapper."""
    with foreign_code("weights", "the names of the model's weights cannot be read"):
        wanted = set(module.state_dict())
    weights, prefix = without_prefix(weights, wanted)
    if prefix:
        remark(f"'{prefix}' was taken off the names of the weights; a wrapper of the module had put it there")
    load_weights(module, CheckedFile(io.BytesIO(weights), len(weights)), "the file of weights")
    return weights


def _run(module: nn.Module, example: NDArray[Any]) -> NDArray[Any]:
    try:
        with foreign_code("weights", "the model cannot be run on the example"), torch.inference_mode():
            result = module.eval()(torch.from_numpy(example.copy()))  # a model may write into what it is given
    except BundleError as error:
        if example.dtype in (np.float64, np.int64):
            raise BundleError(
                "weights",
                f"the model cannot be run on the example, which holds {example.dtype}, as numpy does where nobody says "
                "otherwise; save example.astype(numpy.float32)",
                error.detail,
            ) from error
        raise
    if not isinstance(result, torch.Tensor):
        with foreign_code("signature", f"the model gives the type {type(result).__name__}, which cannot be read"):
            described = _described(result)
        raise BundleError("signature", f"the model gives {described}; a bundle made here has one output, a tensor")
    if result.dtype == torch.bfloat16:
        raise BundleError(
            "signature", "the model gives bfloat16, which no signature can express; let it end with .float()"
        )
    with foreign_code("signature", "the answers of the model cannot be read"):
        outputs = result.numpy(force=True).copy()
    if outputs.shape[:1] != example.shape[:1]:
        raise BundleError(
            "signature",
            f"the model gives a tensor of shape {list(outputs.shape)} for {len(example)} rows; its first dimension "
            "should be the rows",
        )
    if not all_finite(outputs):
        raise BundleError("golden", "the model answers the example with numbers that are not finite")
    return outputs


def _described(result: object) -> str:
    """Describe in a few words an output of a model that is not a tensor."""
    if isinstance(result, Mapping):
        names = ", ".join(f"'{str(name)[:40]}'" for name in list(result)[:5])
        return f"the type {type(result).__name__} with {names or 'nothing in it'}"
    if isinstance(result, tuple | list):
        return f"the type {type(result).__name__} of length {len(result)}"
    return f"the type {type(result).__name__}"


def _tensor(name: str, array: NDArray[Any], **further: object) -> dict[str, Any]:
    datatype = next((known for known, dtype in NUMPY_DTYPES.items() if dtype == array.dtype), None)
    if datatype is None:
        raise BundleError("signature", f"'{name}' is of {array.dtype}, which no signature can express")
    told = {key: value for key, value in further.items() if value is not None}
    return {"name": name, "datatype": datatype, "shape": [-1, *array.shape[1:]], **told}
