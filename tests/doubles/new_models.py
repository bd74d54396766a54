"""A model of no framework that becomes a bundle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray
from plimsoll.inference.payloads import Tensors


class NumpyModel:
    """Implements `NewModel`: gives its inputs back, each under the name `<name>_again`."""

    def __init__(self, input_names: Sequence[str] | None) -> None:
        self.input_names = input_names
        self.notes = ["it was made of numpy"]
        self.record = {"format": "onnx", "graph": "model.onnx"}
        self.files = {"model.onnx": b"nothing runs this"}
        self.open_dimensions: dict[str, list[int]] = {}
        self.framework = {"name": "numpy", "version": "2"}

    def ordered(self, names: Sequence[str]) -> Sequence[str]:
        """In the order of the model."""
        return self.input_names or names

    def run(self, inputs: Tensors) -> dict[str, NDArray[Any]]:
        """The same numbers."""
        return {f"{name}_again": tensor.copy() for name, tensor in inputs.items()}
