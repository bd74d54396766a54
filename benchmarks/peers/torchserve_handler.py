"""The model behind TorchServe: a handler, which TorchServe gives a batch of bodies."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.peers.perceptron import Perceptron


class Digits:
    """Called by TorchServe's worker: `initialize` once, then `handle` for every batch."""

    def initialize(self, context: Any) -> None:  # noqa: ANN401  # TorchServe's own
        """Load the model."""
        del context
        self._model = Perceptron()

    def handle(self, data: list[dict[str, Any]], context: Any) -> list[dict[str, Any]]:  # noqa: ANN401  # likewise
        """The answers to a batch of bodies."""
        del context
        rows = np.array([each["body"]["features"] for each in data], dtype=np.float32)
        return self._model.answers(rows)
