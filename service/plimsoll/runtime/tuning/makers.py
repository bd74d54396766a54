"""The candidates that a bundle can have, by the format of its model."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cache

from plimsoll.bundle.folder import Bundle
from plimsoll.bundle.golden import read_golden
from plimsoll.bundle.installed_packages import fault_of_packages
from plimsoll.bundle.manifest import SCHEMA_OF_PRECISION
from plimsoll.bundle.model_formats import OnnxModel, SafetensorsModel
from plimsoll.bundle.next_version import SCHEMA
from plimsoll.errors import BundleError, OperatorError
from plimsoll.inference.payloads import Tensors
from plimsoll.runtime.onnx_export import GRAPH_RECORD, check_packages, longest_rows
from plimsoll.runtime.onnx_file import GRAPH_FILE
from plimsoll.runtime.places import imported
from plimsoll.runtime.tuning.candidates import Form, Maker
from plimsoll.runtime.tuning.processor import fault_of_bfloat16

ONNX, INT8, BFLOAT16 = "ONNX Runtime, float32", "ONNX Runtime, int8", "PyTorch, bfloat16"
_EXPORT = "plimsoll.runtime.pytorch.onnx_export:export_graph"
_QUANTISE = "plimsoll.runtime.onnx.static_quantisation:quantised_graph"


def makers_of(bundle: Bundle, rows: Tensors | None, factories: Collection[str]) -> list[Maker]:
    """The makers of a bundle's candidates. `rows` calibrate int8; of the factories only these are called.

    int8 with a scale that is computed for each batch is no candidate: the answer to a row would move with its
    neighbours. Neither is float16: it has fewer exponents than float32, and few processors compute in it.
    """
    graph = cache(lambda: _graph(bundle, factories))
    makers = [Maker(INT8, lambda: _int8(graph, rows))]
    if not isinstance(bundle.manifest.model, OnnxModel):
        makers = [
            Maker(ONNX, lambda: Form(GRAPH_RECORD, {GRAPH_FILE: graph()}, SCHEMA)),
            *makers,
            Maker(BFLOAT16, lambda: _bfloat16(bundle)),
        ]
    return makers


def _graph(bundle: Bundle, factories: Collection[str]) -> bytes:
    """The graph of the bundle, or that of its export."""
    described = bundle.manifest.model
    if isinstance(described, OnnxModel):
        return bundle.read(described.graph)
    check_packages()
    content: bytes = imported(_EXPORT)(bundle, longest_rows(read_golden(bundle)), factories)
    return content


def _int8(graph: Callable[[], bytes], rows: Tensors | None) -> Form:
    if fault := fault_of_packages("int8", ("onnx", "onnxruntime"), "export,onnx"):
        raise OperatorError(fault)
    if rows is None:
        raise OperatorError("its scales are chosen by real rows; give some with --evaluate")
    return Form(GRAPH_RECORD, {GRAPH_FILE: imported(_QUANTISE)(graph(), rows)}, SCHEMA)


def _bfloat16(bundle: Bundle) -> Form:
    described = bundle.manifest.model
    if not isinstance(described, SafetensorsModel):
        raise BundleError("format", f"a program of the format {described.format} keeps the datatype that it has")
    if fault := fault_of_bfloat16():
        raise OperatorError(fault)
    fields = {**described.model_dump(mode="json", exclude_none=True), "precision": "bfloat16"}
    return Form(fields, {described.weights: bundle.read(described.weights)}, SCHEMA_OF_PRECISION)
