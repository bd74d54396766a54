"""What is in an ONNX file, found with the `onnx` package: slow, simple, and only for tests."""

from __future__ import annotations

import math
from collections.abc import Iterator

from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto

_LEARNED = {
    "FLOAT", "DOUBLE", "FLOAT16", "BFLOAT16", "INT8", "UINT8", "INT4", "UINT4", "INT2", "UINT2", "FLOAT4E2M1",
    "FLOAT8E4M3FN", "FLOAT8E4M3FNUZ", "FLOAT8E5M2", "FLOAT8E5M2FNUZ",
}  # fmt: skip


def operators_of(model: ModelProto) -> set[tuple[str, str]]:
    """Every operator with its domain."""
    return {(_domain(node.domain), node.op_type) for node in _nodes(model)}


def opsets_of(model: ModelProto) -> dict[str, int]:
    """The version of each domain."""
    return {_domain(each.domain): each.version for each in model.opset_import}


def functions_of(model: ModelProto) -> set[tuple[str, str]]:
    """The functions of the file with their domains."""
    return {(_domain(each.domain), each.name) for each in model.functions}


def parameters_of(model: ModelProto) -> int:
    """The learned numbers of initialisers and constants."""
    initialisers = [
        each
        for graph in _graphs(model)
        for each in (*graph.initializer, *(sparse.values for sparse in graph.sparse_initializer))
    ]
    constants = [
        each
        for node in _nodes(model)
        if node.op_type == "Constant" and not _domain(node.domain)
        for attribute in node.attribute
        for each in (attribute.t, *attribute.tensors, attribute.sparse_tensor.values)
    ]
    return sum(_learned(each) for each in (*initialisers, *constants))


def _learned(tensor: TensorProto) -> int:
    if not tensor.dims or TensorProto.DataType.Name(tensor.data_type) not in _LEARNED:
        return 0
    return math.prod(tensor.dims)


def _domain(domain: str) -> str:
    return "" if domain == "ai.onnx" else domain


def _nodes(model: ModelProto) -> Iterator[NodeProto]:
    for graph in _graphs(model):
        yield from graph.node
    for function in model.functions:
        yield from function.node


def _graphs(model: ModelProto) -> Iterator[GraphProto]:
    yield from _with_inner(model.graph)
    for function in model.functions:
        for node in function.node:
            for attribute in node.attribute:
                yield from _graphs_of(attribute)


def _with_inner(graph: GraphProto) -> Iterator[GraphProto]:
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            yield from _graphs_of(attribute)


def _graphs_of(attribute: AttributeProto) -> Iterator[GraphProto]:
    inner = [attribute.g] if attribute.HasField("g") else []
    for graph in (*inner, *attribute.graphs):
        yield from _with_inner(graph)
