"""The model behind mosec: a worker with batching, run by `python -m benchmarks.peers.mosec_server --port PORT`.

`BENCH_WIRE` says whether rows come in JSON, which orjson reads, or as the bytes of their numbers.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import orjson
from mosec import Server, Worker
from numpy.typing import NDArray

from benchmarks.peers.served_model import ServedModel
from benchmarks.peers.tuning import tuning

_WORKERS = 2


class JsonRows(Worker):  # type: ignore[misc]  # mosec is not installed where types are checked
    """Takes and gives JSON."""

    def __init__(self) -> None:
        self._model = ServedModel()

    def deserialize(self, data: bytes) -> Any:  # noqa: ANN401  # as the model reads it
        """The row of a body."""
        return self._model.read(orjson.loads(data)["features"])

    def forward(self, data: list[NDArray[Any]] | NDArray[Any]) -> Any:  # noqa: ANN401  # as data is
        """Run a batch; mosec gives a single row where batches have one row."""
        return self._model(data) if isinstance(data, list) else self._model([data])[0]

    def serialize(self, data: NDArray[np.float32]) -> bytes:
        """The body of an answer."""
        return orjson.dumps(self._model.answer(data))


class BytesRows(JsonRows):
    """Takes and gives the bytes of float32 numbers."""

    resp_mime_type = "application/octet-stream"

    def deserialize(self, data: bytes) -> NDArray[Any]:
        """The row of a body."""
        return np.frombuffer(data, dtype=np.float32)

    def serialize(self, data: NDArray[np.float32]) -> bytes:
        """The body of an answer."""
        return data.tobytes()


if __name__ == "__main__":
    worker = BytesRows if os.environ["BENCH_WIRE"] == "bytes" else JsonRows
    chosen = tuning()
    server = Server()
    server.append_worker(
        worker, num=_WORKERS, max_batch_size=chosen.batch_rows, max_wait_time=int(chosen.wait_ms), route="/predict"
    )
    server.run()
