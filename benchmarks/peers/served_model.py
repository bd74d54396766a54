"""The model of a peer that stacks its batches in Python: rows of numbers, or texts if `BENCH_WIRE` says so."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.minilm import Encoder
from benchmarks.peers.perceptron import Perceptron, answer

IS_OF_TEXTS = os.environ.get("BENCH_WIRE") == "tokens"


class ServedModel:
    """Reads what stands under `features` of a body, runs a list of rows, and writes an answer."""

    def __init__(self) -> None:
        self._model: Any = Encoder() if IS_OF_TEXTS else Perceptron()

    def read(self, features: Sequence[float]) -> NDArray[Any]:
        """A row as an array."""
        return np.array(features, dtype=np.int64 if IS_OF_TEXTS else np.float32)

    def __call__(self, rows: Sequence[NDArray[Any]]) -> list[NDArray[np.float32]]:
        """What the model gives for each row."""
        return list(self._model(rows if IS_OF_TEXTS else np.stack(rows)))

    def answer(self, found: NDArray[np.float32]) -> dict[str, Any]:
        """The body of an answer."""
        return {"embedding": found.tolist()} if IS_OF_TEXTS else answer(found)
