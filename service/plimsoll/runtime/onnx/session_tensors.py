"""The tensors of a graph, and whether a signature describes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import onnxruntime
from pydantic import ValidationError

from plimsoll.bundle.tensor_records import Tensor
from plimsoll.errors import BundleError
from plimsoll.inference.payloads import Datatype, Signature, TensorSpec
from plimsoll.quoting import quote
from plimsoll.runtime.onnx.tensor_types import DATATYPES

_MOST_LISTED = 8


class GraphTensor(NamedTuple):
    """One input or output of a graph. `shape` has `None` for an open dimension, and is empty if it is not known."""

    side: str
    name: str
    type: str
    shape: tuple[int | None, ...]

    @property
    def datatype(self) -> Datatype | None:
        """The datatype of a signature; `None` if there is none."""
        return DATATYPES.get(self.type)

    @property
    def title(self) -> str:
        """The words for it in messages."""
        return f"{self.side} {quote(self.name)}"


def tensors_of(session: onnxruntime.InferenceSession) -> tuple[list[GraphTensor], list[GraphTensor]]:
    """The inputs and the outputs of a session's graph."""
    return _tensors("input", session.get_inputs()), _tensors("output", session.get_outputs())


def check_tensor(tensor: GraphTensor) -> None:
    """Refuse a tensor of a graph that no signature can describe.

    Raises:
        BundleError: with check `signature`; the message names the tensor.
    """
    try:
        Tensor(name=tensor.name, datatype="FP32", shape=[-1])
    except ValidationError:
        raise BundleError(
            "signature",
            f"the graph has an {tensor.title}, and no tensor of a signature can have that name; name it with letters, "
            "digits, '_', '-' and '.', such as with input_names and output_names of torch.onnx.export",
        ) from None
    if tensor.datatype is None:
        raise BundleError(
            "signature",
            f"{tensor.title} of the graph is {quote(tensor.type)}, which no signature can express; let the graph cast "
            "it to numbers, or leave it out (zipmap=False for a classifier of scikit-learn)",
        )
    check_batch(tensor)


def check_batch(tensor: GraphTensor) -> None:
    """Refuse an input whose first dimension is fixed. An output may be declared wrongly, and is looked at when it runs.

    Raises:
        BundleError: with check `signature`; the message names the tensor and the way to open the dimension.
    """
    if tensor.side == "input" and tensor.shape[:1] and tensor.shape[0] is not None:
        raise BundleError(
            "signature",
            f"the first dimension of {tensor.title} is fixed to {tensor.shape[0]} in the graph, and the rows of "
            "several requests share a batch; export it open, such as by torch.onnx.export(..., dynamo=True, "
            f"dynamic_shapes={{'{tensor.name}': {{0: torch.export.Dim.DYNAMIC}}}})",
        )


def check_signature(session: onnxruntime.InferenceSession, signature: Signature) -> None:
    """Check that a signature describes every input of a graph, and outputs of it.

    Raises:
        BundleError: with check `signature`.
    """
    inputs, outputs = tensors_of(session)
    for theirs, ours in ((inputs, signature.inputs), (outputs, signature.outputs)):
        graph = {each.name: each for each in theirs}
        missing = {spec.name for spec in ours} - graph.keys()
        surplus = graph.keys() - {spec.name for spec in ours} if theirs is inputs else set()
        if missing or surplus or any(graph[spec.name].datatype != spec.datatype for spec in ours):
            manifest = {spec.name: spec.datatype for spec in ours}
            found = {each.name: each.datatype or each.type for each in theirs}
            raise BundleError(
                "signature",
                f"the {theirs[0].side if theirs else 'tensor'}s of the graph are {_listed(found)}, and those of the "
                f"manifest are {_listed(manifest)}",
            )
        for spec in ours:
            check_batch(graph[spec.name])
            _check_shape(graph[spec.name], spec)


def _check_shape(tensor: GraphTensor, spec: TensorSpec) -> None:
    if not tensor.shape or tensor.side == "output":  # the shape that a graph declares for an output may be wrong
        return
    fits = len(tensor.shape) == len(spec.shape) and all(
        fixed in (None, length) for fixed, length in zip(tensor.shape, spec.shape, strict=True)
    )
    if not fits:
        shape = [-1 if length is None else length for length in tensor.shape]
        raise BundleError(
            "signature",
            f"{tensor.title} is of shape {shape} in the graph, and of shape {list(spec.shape)} in the manifest",
        )


def _tensors(side: str, arguments: Sequence[Any]) -> list[GraphTensor]:
    return [
        GraphTensor(
            side, each.name, each.type, tuple(length if isinstance(length, int) else None for length in each.shape)
        )
        for each in arguments
    ]


def _listed(tensors: Mapping[str, str]) -> str:
    listed = [f"{quote(name)} {datatype}" for name, datatype in list(tensors.items())[:_MOST_LISTED]]
    return ", ".join(listed) + (", …" if len(tensors) > _MOST_LISTED else "") or "none"
