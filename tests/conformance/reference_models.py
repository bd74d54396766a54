"""The models of the reference server: small, exact and quick."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tests.conformance.tensors import DATATYPES, Array

Tensors = dict[str, Array]


@dataclass(frozen=True)
class TensorType:
    """Name, datatype and shape of an input or output; -1 is an open size."""

    name: str
    datatype: str
    shape: tuple[int, ...]

    def document(self) -> dict[str, object]:
        """The tensor as metadata has it."""
        return {"name": self.name, "datatype": self.datatype, "shape": list(self.shape)}


@dataclass(frozen=True)
class Model:
    """A model of which the first size of each tensor is the batch."""

    inputs: tuple[TensorType, ...]
    outputs: tuple[TensorType, ...]
    compute: Callable[[Tensors], Tensors]


def _loud(inputs: Tensors) -> Tensors:
    loud = np.empty_like(inputs["texts"])
    loud[:] = [text.upper() for text in inputs["texts"]]
    return {"loud": loud}


def _pair(inputs: Tensors) -> Tensors:
    return {"scaled": inputs["numbers"] * np.float32(2) + np.float32(1)} | _loud(inputs)


def _single(inputs: Tensors) -> Tensors:
    numbers = inputs["numbers"]
    sums = np.cumsum(numbers, axis=1, dtype=np.float64)
    return {"sums": sums, "negative": numbers < 0}


def _echo(datatypes: list[str]) -> Model:
    inputs = tuple(TensorType(f"in_{each}", each, (-1, 2)) for each in datatypes)
    outputs = tuple(TensorType(f"out_{each}", each, (-1, 2)) for each in datatypes)
    return Model(inputs, outputs, lambda given: {f"out_{name[3:]}": array for name, array in given.items()})


MODELS = {
    "pair": Model(
        inputs=(TensorType("numbers", "FP32", (-1, 3)), TensorType("texts", "BYTES", (-1,))),
        outputs=(TensorType("scaled", "FP32", (-1, 3)), TensorType("loud", "BYTES", (-1,))),
        compute=_pair,
    ),
    "single": Model(
        inputs=(TensorType("numbers", "INT64", (-1, 4)),),
        outputs=(TensorType("sums", "FP64", (-1, 4)), TensorType("negative", "BOOL", (-1, 4))),
        compute=_single,
    ),
    "text": Model(
        inputs=(TensorType("texts", "BYTES", (-1,)),),
        outputs=(TensorType("loud", "BYTES", (-1,)),),
        compute=_loud,
    ),
    "every": _echo(sorted(DATATYPES - {"FP16", "BF16"})),
    "halves": _echo(["FP16", "BF16"]),
}
"""Two inputs; one of numbers or of texts, which raw requests may carry; each datatype, and those without JSON."""
VERSION = "1"
