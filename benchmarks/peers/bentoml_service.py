"""The model behind BentoML: a service whose API is batchable, so that clients send and get lists of one row."""

from __future__ import annotations

from typing import Any

import bentoml
import numpy as np

from benchmarks.peers.perceptron import Perceptron
from benchmarks.peers.tuning import tuning

LATENCY_MS = 10_000
WORKERS = 2


@bentoml.service(workers=WORKERS, traffic={"timeout": 60}, logging={"access": {"enabled": False}})
class Digits:
    """One API, `predict`."""

    def __init__(self) -> None:
        self._model = Perceptron()

    @bentoml.api(batchable=True, max_batch_size=tuning().batch_rows, max_latency_ms=LATENCY_MS)  # type: ignore[untyped-decorator]
    def predict(self, features: np.ndarray) -> list[dict[str, Any]]:  # BentoML reads the type
        """The answers to a batch of rows."""
        return self._model.answers(np.asarray(features, dtype=np.float32))
