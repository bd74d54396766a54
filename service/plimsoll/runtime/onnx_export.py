"""Makes an ONNX bundle of a safetensors bundle: the same model for ONNX Runtime."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from plimsoll.bundle.creation import write_bundle
from plimsoll.bundle.folder import Bundle
from plimsoll.bundle.golden import GoldenSamples, read_golden
from plimsoll.bundle.installed_packages import fault_of_packages
from plimsoll.bundle.model_formats import SafetensorsModel
from plimsoll.bundle.next_version import next_fields
from plimsoll.errors import BundleError, OperatorError
from plimsoll.inference.payloads import Tensors
from plimsoll.inference.ports import Task
from plimsoll.runtime.model_loader import ModelLoader
from plimsoll.runtime.onnx_file import GRAPH_FILE

_PACKAGES = ("torch", "onnx", "onnxscript", "onnxruntime")
GRAPH_RECORD = {"format": "onnx", "graph": GRAPH_FILE}
"""The field `model` of a manifest."""


def check_packages() -> None:
    """Raise an `OperatorError` unless the packages are installed that an export needs."""
    if fault := fault_of_packages("an export to ONNX", _PACKAGES, "export,onnx"):
        raise OperatorError(fault)


def without_requests(bundle: Bundle) -> Task:
    """The task of a bundle that has no golden requests.

    Raises:
        BundleError: always, with check `task`.
    """
    manifest = bundle.manifest
    raise BundleError(
        "task", f"the golden requests of {manifest.name} {manifest.version} cannot be asked without a task"
    )


def export_bundle(
    bundle: Bundle,
    folder: Path,
    version: str,
    loader: ModelLoader,
    export: Callable[[Bundle, Tensors], bytes],
    bind: Callable[[Bundle], Task] = without_requests,
) -> Bundle:
    """Write `<folder>/<name>/<version>`, an ONNX bundle that answers as a safetensors bundle does.

    It has the same signature, golden samples and requests, files of the task, tolerances and other fields. Before it is
    written, it has passed every check that a server makes, in a temporary folder: its answers to the golden samples and
    requests lie within the tolerances of the manifest. `loader` makes these checks; `export` writes the graph of a
    bundle, with rows to trace its model; `bind` makes the task that is asked the golden requests, if there are any.

    Raises:
        BundleError: the bundle cannot be exported, or a check failed; nothing is written.
    """
    if not isinstance(bundle.manifest.model, SafetensorsModel):
        raise BundleError(
            "format",
            f"only a safetensors bundle can be exported, and {bundle.manifest.name} {bundle.manifest.version} is of "
            f"the format {bundle.manifest.model.format}",
        )
    bundle.verify_files()
    samples = read_golden(bundle)
    fields = next_fields(bundle, version, GRAPH_RECORD)
    manifest = bundle.manifest
    kept = {name: bundle.read(name) for name in manifest.files if name != manifest.model.file}
    if GRAPH_FILE in kept:
        raise BundleError("files", f"the bundle has a file {GRAPH_FILE}, as the graph would be named")
    files = {GRAPH_FILE: export(bundle, longest_rows(samples)), **kept}
    with tempfile.TemporaryDirectory(prefix="plimsoll-export-") as place:
        draft = write_bundle(Path(place), fields, files)
        model = loader.load(draft)
        proven = loader.prove(draft, model)
        if manifest.golden.requests is not None:
            loader.prove_requests(draft, model, bind(draft))
        loader.warm(model, proven)
    return write_bundle(folder, fields, files)


def longest_rows(samples: GoldenSamples) -> Tensors:
    """The inputs of the longest rows: torch takes a length of 1 for one that never changes."""
    return max(
        (each.inputs for each in samples.of_each_length),
        key=lambda inputs: sum(tensor[0].size for tensor in inputs.values()),
    )
