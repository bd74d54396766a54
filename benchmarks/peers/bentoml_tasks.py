"""The model of a task behind BentoML: batchable APIs, so that clients send and get lists of one text or picture.

BentoML reads the annotations as values, so they are not postponed here.
"""

import os
from typing import Any

import bentoml
from PIL.Image import Image

from benchmarks.peers.bentoml_service import LATENCY_MS, WORKERS
from benchmarks.peers.task_model import TEXT, TaskModel
from benchmarks.peers.tuning import tuning

_batches = bentoml.api(batchable=True, max_batch_size=tuning().batch_rows, max_latency_ms=LATENCY_MS)
_serves = bentoml.service(workers=WORKERS, traffic={"timeout": 60}, logging={"access": {"enabled": False}})


class _Texts:
    """One API, `predict`."""

    def __init__(self) -> None:
        self._model = TaskModel()

    @_batches  # type: ignore[untyped-decorator]  # BentoML is not installed where types are checked
    def predict(self, features: list[str]) -> list[dict[str, Any]]:
        """What the model gives for a batch of texts."""
        return [{"outputs": row.tolist()} for row in self._model(features)]


class _Pictures:
    """One API, `predict`."""

    def __init__(self) -> None:
        self._model = TaskModel()

    @_batches  # type: ignore[untyped-decorator]  # likewise
    def predict(self, features: list[Image]) -> list[dict[str, Any]]:
        """What the model gives for a batch of pictures."""
        return [{"outputs": row.tolist()} for row in self._model(features)]


Tasks = _serves(_Texts if os.environ["BENCH_WIRE"] == TEXT else _Pictures)
