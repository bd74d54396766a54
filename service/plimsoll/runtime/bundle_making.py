"""Makes a bundle of a model of any runtime: derives the signature and the golden samples by running it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.bundle.class_labels import Classes, check_choices, classes_of
from plimsoll.bundle.creation import check_text, write_bundle
from plimsoll.bundle.folder import Bundle
from plimsoll.bundle.golden import GoldenSamples, all_finite, check_bounds
from plimsoll.bundle.manifest import MANIFEST_FILE, Manifest
from plimsoll.bundle.task_files import ReadFile
from plimsoll.errors import BundleError
from plimsoll.inference.payloads import Tensors
from plimsoll.runtime.example_rows import checked_examples, listed, tensor_of
from plimsoll.runtime.new_model import NewModel

GOLDEN_FILE = "golden.safetensors"


@dataclass(frozen=True, slots=True)
class Recipe:
    """The parts of a new bundle but for its model.

    Each of `examples` holds rows of every input by name, of shape [rows, ...]; they become the golden samples.
    Several examples differ in the lengths of their rows, and such a dimension is open in the signature. Without a
    `task` it is `tabular-classification` with `labels` and `tensors` without. `threshold` parts the two classes of
    a model that gives one score a row. `minimum` and `maximum` are by the name of an input. The inputs of
    `bfloat16` have the datatype BF16, and their examples are float32. `files` are those that the task reads, by
    name. `about` holds further fields of the manifest, such as training data or measured metrics.
    """

    name: str
    version: str
    examples: Sequence[Tensors] = field(repr=False)
    minimum: Mapping[str, float] = field(default_factory=dict)
    maximum: Mapping[str, float] = field(default_factory=dict)
    bfloat16: Collection[str] = ()
    labels: Sequence[str | int] | None = None
    threshold: float | None = None
    licence: str = "unknown"
    absolute_tolerance: float = 1e-4
    relative_tolerance: float = 1e-3
    about: Mapping[str, Any] = field(default_factory=dict)
    task: str | None = None
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)


def make_bundle(
    folder: Path,
    recipe: Recipe,
    model: NewModel,
    remark: Callable[[str], None] = lambda _: None,
    check_task: Callable[[Manifest, ReadFile], object] = lambda *_: None,
) -> Bundle:
    """Write the bundle `<folder>/<name>/<version>`; it has passed its own golden samples by construction.

    When the bundle is written, `remark` hears what was done that nobody asked for, and what looks like a mistake.
    `check_task` raises a `BundleError` where the task of the manifest, with the bundle's files, does not fit the model.

    Raises:
        BundleError: the examples do not fit the model, or a field is wrong.
    """
    check_choices(recipe.labels, recipe.threshold)
    remarks: list[str] = []
    examples = checked_examples(recipe.examples, model)
    each = [GoldenSamples(example, _run(model, example)) for example in examples]
    samples = GoldenSamples(each[0].inputs, each[0].outputs, tuple(each[1:]))
    fields = _fields(recipe, model, samples, remarks.append)
    if double := sorted(set(fields) & set(recipe.about)):
        raise BundleError("manifest", f"these fields follow from the rest and cannot be told: {', '.join(double)}")

    def check(manifest: Manifest, read_file: ReadFile) -> None:
        for of_length in samples.of_each_length:
            check_bounds(of_length, manifest.line_signature())
        check_task(manifest, read_file)

    if taken := sorted(recipe.files.keys() & {MANIFEST_FILE, GOLDEN_FILE, *model.files}):
        raise BundleError("files", f"two files of the bundle would be named {taken[0]}")
    fields |= recipe.about
    check_text(fields)  # before the samples are packed under the names of the tensors
    bundle = write_bundle(folder, fields, {**model.files, **recipe.files, GOLDEN_FILE: samples.pack()}, check)
    for sentence in (*model.notes, *remarks):
        remark(sentence)
    return bundle


def _fields(recipe: Recipe, model: NewModel, samples: GoldenSamples, remark: Callable[[str], None]) -> dict[str, Any]:
    """The fields of the manifest that follow from the recipe and from what the model did."""
    return {
        "schema_version": 2,
        "name": recipe.name,
        "version": recipe.version,
        "task": recipe.task or ("tabular-classification" if recipe.labels else "tensors"),
        "licence": recipe.licence,
        "signature": _signature(recipe, model, samples, remark),
        "framework": dict(model.framework),
        "model": dict(model.record),
        "golden": {
            "file": GOLDEN_FILE,
            "absolute_tolerance": recipe.absolute_tolerance,
            "relative_tolerance": recipe.relative_tolerance,
        },
    }


def _signature(
    recipe: Recipe, model: NewModel, samples: GoldenSamples, remark: Callable[[str], None]
) -> dict[str, Any]:
    lengths = samples.of_each_length
    if unknown := sorted({*recipe.minimum, *recipe.maximum} - samples.inputs.keys()):
        raise BundleError(
            "manifest", f"a bound is given for '{unknown[0][:40]}', and the inputs are {listed(list(samples.inputs))}"
        )
    inputs = [
        tensor_of(
            name,
            [each.inputs[name] for each in lengths],
            "BF16" if name in recipe.bfloat16 else None,
            minimum=recipe.minimum.get(name),
            maximum=recipe.maximum.get(name),
        )
        for name in samples.inputs
    ]
    for other in lengths[1:]:
        if other.outputs.keys() != samples.outputs.keys():
            raise BundleError(
                "signature",
                f"the model gives {listed(list(samples.outputs))} for one example and {listed(list(other.outputs))} "
                "for another; it should always give the same outputs",
            )
    classes = _classes(recipe, samples.outputs, remark)
    outputs = [
        tensor_of(name, [each.outputs[name] for each in lengths], **classes._asdict()) for name in samples.outputs
    ]
    for tensor in (*inputs, *outputs):
        _open(tensor, model.open_dimensions.get(tensor["name"], ()))
    return {"inputs": inputs, "outputs": outputs}


def _open(tensor: dict[str, Any], dimensions: Collection[int]) -> None:
    """Open dimensions of a tensor's record, but not the one that labels name."""
    shape = tensor["shape"]
    labelled = len(shape) - 1 if "labels" in tensor else None
    tensor["shape"] = [-1 if at in dimensions and at != labelled else length for at, length in enumerate(shape)]


def _classes(recipe: Recipe, outputs: Tensors, remark: Callable[[str], None]) -> Classes:
    """The classes of the only output; several outputs have none."""
    if len(outputs) == 1:
        (only,) = outputs.values()
        return classes_of(only, recipe.labels, recipe.threshold, remark)
    if recipe.labels:
        raise BundleError(
            "manifest",
            f"--labels names the classes of one output, and the model gives {listed(list(outputs))}; choose it with "
            "--output-name, or let forward return it alone",
        )
    return Classes(None, None)


def _run(model: NewModel, inputs: Tensors) -> dict[str, NDArray[Any]]:
    try:
        outputs = model.run(inputs)
    except BundleError as error:
        given = next((each.dtype for each in inputs.values() if each.dtype in (np.float64, np.int64)), None)
        if error.check == "weights" and given is not None and len(inputs) == 1:
            raise BundleError(
                "weights",
                f"the model cannot be run on the example, which holds {given}, as numpy does where nobody says "
                "otherwise; save example.astype(numpy.float32)",
                error.detail,
            ) from error
        raise
    rows = len(next(iter(inputs.values())))
    for name, output in outputs.items():
        called = f"'{name}', " if len(outputs) > 1 else ""
        if output.shape[:1] != (rows,):
            raise BundleError(
                "signature",
                f"the model gives {called}a tensor of shape {list(output.shape)} for {rows} rows; its first dimension "
                "should be the rows",
            )
        if not all_finite(output):
            raise BundleError("golden", "the model answers the example with numbers that are not finite")
    return outputs
