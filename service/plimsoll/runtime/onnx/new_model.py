"""A graph of ONNX that becomes a bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.errors import BundleError
from plimsoll.inference.payloads import NUMPY_DTYPES, Tensors
from plimsoll.runtime.foreign_code import foreign_code
from plimsoll.runtime.onnx.bounded_run import run_bounded
from plimsoll.runtime.onnx.graph_facts import GraphFacts
from plimsoll.runtime.onnx.session_opening import open_session
from plimsoll.runtime.onnx.session_tensors import GraphTensor, check_tensor, tensors_of
from plimsoll.runtime.onnx_file import GRAPH_FILE

_RUN_SECONDS = 300.0


class NewOnnxModel:
    """A graph from the bytes of its file, run on the CPU by one thread.

    `outputs` are those that the bundle has, in this order; by default all of the graph. `file` is what messages call
    it. A run of the example that takes longer than `run_seconds` is ended.

    Raises:
        BundleError: with check `format`, `weights` or `signature`, when no bundle can be made of it.
    """

    def __init__(
        self,
        content: bytes,
        *,
        file: str = "the ONNX file",
        outputs: Sequence[str] | None = None,
        run_seconds: float = _RUN_SECONDS,
    ) -> None:
        self._session, facts = open_session(content, file)
        inputs, found = tensors_of(self._session)
        self.inputs: Sequence[GraphTensor] = inputs
        self._outputs = _chosen(found, outputs)
        for tensor in (*self.inputs, *self._outputs):
            check_tensor(tensor)
        if not self.inputs:
            raise BundleError("signature", f"the graph in {file} takes no input, so nothing could ask it")
        self._run_seconds = run_seconds
        self.input_names: Sequence[str] = [tensor.name for tensor in self.inputs]
        self.record: Mapping[str, Any] = {"format": "onnx", "graph": GRAPH_FILE}
        self.files: Mapping[str, bytes] = {GRAPH_FILE: content}
        self.framework: Mapping[str, str] = _framework(facts)
        self.open_dimensions = _open_dimensions(self.inputs, self._outputs)
        self.notes = [
            f"'{tensor.name}' has rows of any length in dimension {_listed(self.open_dimensions[tensor.name])}, "
            "because the graph leaves it open"
            for tensor in self.inputs
            if tensor.name in self.open_dimensions
        ]

    def ordered(self, names: Sequence[str]) -> Sequence[str]:
        """The same names of inputs in the order of the graph; a name that the graph does not have comes last."""
        places = {name: place for place, name in enumerate(self.input_names)}
        return sorted(names, key=lambda name: places.get(name, len(places)))

    def run(self, inputs: Tensors) -> dict[str, NDArray[Any]]:
        """Compute the outputs, by name and in the order of the signature.

        Raises:
            BundleError: with check `weights` when the graph fails or does not end; `signature` when the inputs are not
                those of the graph.
        """
        for tensor in self.inputs:
            _check_given(tensor, inputs.get(tensor.name))
        names = [tensor.name for tensor in self._outputs]
        with foreign_code("weights", "the graph cannot be run on the example"):
            given = {name: np.ascontiguousarray(inputs[name]) for name in self.input_names}
            outputs = run_bounded(self._session, names, given, self._run_seconds)
        return dict(zip(names, outputs, strict=True))


def _open_dimensions(inputs: Sequence[GraphTensor], outputs: Sequence[GraphTensor]) -> dict[str, Sequence[int]]:
    """The dimensions of rows that a graph leaves open. Those of outputs are open only where one of an input is.

    Many exporters do not say how long the rows of an output are, although they never change.
    """
    found = {tensor.name: _without_length(tensor) for tensor in inputs}
    if any(found.values()):
        found |= {tensor.name: _without_length(tensor) for tensor in outputs}
    return {name: dimensions for name, dimensions in found.items() if dimensions}


def _without_length(tensor: GraphTensor) -> list[int]:
    return [at for at, length in enumerate(tensor.shape) if at and length is None]


def _listed(numbers: Sequence[int]) -> str:
    return " and ".join(map(str, numbers))


def _chosen(found: Sequence[GraphTensor], wanted: Sequence[str] | None) -> list[GraphTensor]:
    if wanted is None:
        return list(found)
    by_name = {tensor.name: tensor for tensor in found}
    for name in wanted:
        if name not in by_name:
            raise BundleError("signature", f"the graph has no output '{name}'; it has {', '.join(by_name) or 'none'}")
    return [by_name[name] for name in wanted]


def _check_given(tensor: GraphTensor, given: NDArray[Any] | None) -> None:
    if given is None:
        raise BundleError("signature", f"the graph needs {tensor.title}, of which there is no example")
    wanted = NUMPY_DTYPES[tensor.datatype or "FP32"]
    if given.dtype != wanted:
        raise BundleError(
            "signature",
            f"{tensor.title} of the graph is {wanted}, and its example holds {given.dtype}; save "
            f"example.astype(numpy.{wanted})",
        )
    fits = not tensor.shape or (
        len(tensor.shape) == given.ndim
        and all(length in (None, have) for length, have in zip(tensor.shape, given.shape, strict=True))
    )
    if not fits:
        shape = [-1 if length is None else length for length in tensor.shape]
        raise BundleError(
            "signature",
            f"{tensor.title} of the graph is of shape {shape}, and its example is of shape {list(given.shape)}",
        )


def _framework(facts: GraphFacts) -> dict[str, str]:
    """The framework that made the graph, as the file says; a file that does not say so names ONNX and its opset."""
    if facts.producer:
        return {"name": facts.producer, "version": facts.producer_version.partition("+")[0] or "unknown"}
    return {"name": "onnx", "version": f"opset {facts.opsets.get('', 0)}"}
