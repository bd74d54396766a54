"""The model of a peer that stacks its batches in Python; `BENCH_WIRE` says what rows are."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.minilm import Encoder
from benchmarks.peers.perceptron import Perceptron, answer

_WIRE = os.environ.get("BENCH_WIRE")
IS_OF_TASKS = _WIRE in ("text", "picture")


class ServedModel:
    """Reads what stands under `features` of a body, runs a list of rows, and writes an answer."""

    def __init__(self) -> None:
        self._model: Any
        if IS_OF_TASKS:
            from benchmarks.peers.task_model import TaskModel  # noqa: PLC0415  # other workloads do without its packages

            self._model = TaskModel()
        else:
            self._model = Encoder() if _WIRE == "tokens" else Perceptron()

    def read(self, features: Any) -> Any:  # noqa: ANN401  # a list of numbers, a text or a file
        """A row as the model takes it: numbers as an array, a text as it is, a file as bytes."""
        if IS_OF_TASKS:
            return features if isinstance(features, str) else features.file.read()
        return np.array(features, dtype=np.int64 if _WIRE == "tokens" else np.float32)

    def __call__(self, rows: Sequence[Any]) -> list[NDArray[np.float32]]:
        """What the model gives for each row."""
        return list(self._model(rows if _WIRE in ("tokens", "text", "picture") else np.stack(rows)))

    def answer(self, found: NDArray[np.float32]) -> dict[str, Any]:
        """The body of an answer."""
        if IS_OF_TASKS:
            return {"outputs": found.tolist()}
        return {"embedding": found.tolist()} if _WIRE == "tokens" else answer(found)
