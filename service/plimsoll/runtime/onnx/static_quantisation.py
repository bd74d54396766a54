"""Makes an ONNX graph compute in whole numbers of eight bits, with scales that are fixed when the graph is made."""

from __future__ import annotations

import contextlib
import logging
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from plimsoll.errors import BundleError
from plimsoll.inference.payloads import Tensors
from plimsoll.runtime.foreign_code import foreign_code

MOST_ROWS = 512
"""Rows by which scales are chosen, spread evenly over those that are given."""
_ROWS_OF_RUN = 32
_OPERATORS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_PASSING = ("MaxPool", "Relu", "Clip", "Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze")
"""Operators that leave numbers as they are; between two products they stay in eight bits as well."""


def quantised_graph(content: bytes, inputs: Tensors) -> bytes:
    """The graph with its products of matrices and convolutions in eight bits, calibrated by rows of every input.

    Each scale is a constant of the graph, so the answer to a row does not depend on its neighbours. Weights have a
    scale for each channel and seven bits: without the instructions of VNNI a processor adds two products in 16 bits,
    which eight bits can overflow, and then it would answer otherwise than a processor that has them.

    Raises:
        BundleError: with check `format`, when the graph has nothing to quantise or ONNX Runtime cannot do it.
    """
    with foreign_code("format", "ONNX Runtime cannot quantise this graph"), _silence():
        model = onnx.load_from_string(content)
        if not any(node.op_type in _OPERATORS for node in model.graph.node):
            raise BundleError("format", f"its graph has none of the operators {', '.join(_OPERATORS)}")
        with tempfile.TemporaryDirectory(prefix="plimsoll-tune-") as folder:
            return _quantised(content, inputs, Path(folder))


def _quantised(content: bytes, inputs: Tensors, folder: Path) -> bytes:
    graph, plain, quantised = (folder / name for name in ("graph.onnx", "plain.onnx", "quantised.onnx"))
    graph.write_bytes(content)
    quant_pre_process(graph, plain, skip_symbolic_shape=True)
    quantize_static(
        plain,
        quantised,
        _Rows(inputs),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=[*_OPERATORS, *_PASSING],
        per_channel=True,
        reduce_range=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    return _without_notes(quantised.read_bytes())


def _without_notes(content: bytes) -> bytes:
    """The same graph without notes of the tools, which may name files of this machine."""
    model = onnx.load_from_string(content)
    model.ClearField("metadata_props")
    model.ClearField("doc_string")
    written: bytes = model.SerializeToString(deterministic=True)
    return written


class _Rows:
    """Gives ONNX Runtime the rows of calibration, a few at a time."""

    def __init__(self, inputs: Tensors) -> None:
        count = len(next(iter(inputs.values())))
        chosen = np.unique(np.linspace(0, count - 1, min(count, MOST_ROWS)).round().astype(int))
        self._parts = iter(
            [
                {name: np.ascontiguousarray(tensor[chosen[start : start + _ROWS_OF_RUN]])
                 for name, tensor in inputs.items()}
                for start in range(0, len(chosen), _ROWS_OF_RUN)
            ]
        )  # fmt: skip

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        """The next rows; `None` at the end."""
        return next(self._parts, None)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep what the tools of ONNX Runtime log and warn about from the terminal."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
