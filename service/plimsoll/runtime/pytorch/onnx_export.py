"""Writes the module of a bundle as an ONNX graph, with torch's exporter."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
import torch
from torch import nn

from plimsoll.bundle.folder import Bundle
from plimsoll.bundle.model_formats import SafetensorsModel
from plimsoll.errors import BundleError
from plimsoll.inference.payloads import Signature, Tensors
from plimsoll.runtime.foreign_code import foreign_code
from plimsoll.runtime.onnx_file import MAX_FILE_BYTES
from plimsoll.runtime.pytorch.loader import filled_module
from plimsoll.runtime.pytorch.module_outputs import signature_outputs

_ROWS = 2
"""torch.export takes a dimension of length 1 for one that never changes."""


def export_graph(bundle: Bundle, inputs: Tensors, factories: Collection[str]) -> bytes:
    """The ONNX file of a bundle's module, with the names and the open dimensions of its signature.

    `inputs` are rows of every input, such as golden samples; the exporter traces the module with them. The graph holds
    no path or line of the code that it was made from. Of the factories that bundles name, only those in `factories`
    are called.

    Raises:
        BundleError: with check `format`, when this bundle cannot be exported; otherwise as for loading it.
    """
    described, signature = bundle.manifest.model, bundle.manifest.line_signature()
    if not isinstance(described, SafetensorsModel):
        raise BundleError("format", f"a bundle of the format {described.format} cannot be exported, only safetensors")
    if described.precision is not None:
        raise BundleError(
            "format", f"it computes in {described.precision}, which no graph says; export the bundle it was made of"
        )
    if halves := [spec.name for spec in (*signature.inputs, *signature.outputs) if spec.datatype == "BF16"]:
        raise BundleError(
            "format", f"'{halves[0]}' is BF16, which ONNX Runtime takes from no client; such a bundle is not exported"
        )
    return export_module(filled_module(bundle, described, factories), inputs, signature)


def export_module(module: nn.Module, inputs: Tensors, signature: Signature) -> bytes:
    """The ONNX file of a module that takes the inputs of a signature by position and gives its outputs, by name or not.

    Raises:
        BundleError: with check `format`, when it cannot be exported.
    """
    size = sum(tensor.numel() * tensor.element_size() for tensor in module.state_dict().values())
    if size > MAX_FILE_BYTES:
        raise BundleError("format", f"the weights have {size} bytes, and an ONNX file has at most {MAX_FILE_BYTES}")
    with foreign_code("format", "torch cannot export this model to ONNX"), _silence():
        return _exported(_InOrder(module.eval(), signature), inputs, signature)


class _InOrder(nn.Module):
    """Gives the outputs of a module in the order of the signature."""

    def __init__(self, module: nn.Module, signature: Signature) -> None:
        super().__init__()
        self.module = module
        self._names = tuple(spec.name for spec in signature.outputs)

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(signature_outputs(self.module(*inputs), self._names))


def _exported(module: nn.Module, inputs: Tensors, signature: Signature) -> bytes:
    rows = {spec.name: np.resize(inputs[spec.name], (_ROWS, *inputs[spec.name].shape[1:])) for spec in signature.inputs}
    open_dimensions = tuple(
        {at: torch.export.Dim.DYNAMIC for at, length in enumerate(spec.shape) if length == -1}
        for spec in signature.inputs
    )
    program = torch.onnx.export(
        module,
        tuple(torch.from_numpy(rows[spec.name]) for spec in signature.inputs),
        dynamo=True,
        dynamic_shapes=(open_dimensions,),  # of *inputs
        input_names=[spec.name for spec in signature.inputs],
        output_names=[spec.name for spec in signature.outputs],
        external_data=False,
        verbose=False,
    )
    if program is None:
        raise RuntimeError("the exporter gave nothing")
    model: Any = program.model_proto
    _forget_origin(model)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _forget_origin(message: Any) -> None:  # noqa: ANN401  # a protobuf message
    """Remove from a message and those in it the notes of the exporter, which hold paths and lines of source code."""
    for field in ("metadata_props", "doc_string"):
        if field in message.DESCRIPTOR.fields_by_name:
            message.ClearField(field)
    for field, value in message.ListFields():
        if field.message_type is not None:
            for each in value if field.is_repeated else [value]:
                _forget_origin(each)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep what torch and its exporter print, log and warn about from the terminal."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with (
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
