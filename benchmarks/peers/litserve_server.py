"""The model behind LitServe: a `LitAPI` with batching, run by `python -m benchmarks.peers.litserve_server PORT`.

LitServe reads the annotations of `decode_request` as values, so they are not postponed here.
"""

import sys
from typing import Any

import litserve
import numpy as np
from fastapi import Request
from numpy.typing import NDArray

from benchmarks.peers.perceptron import Perceptron, answer
from benchmarks.peers.tuning import tuning

_WORKERS = 2


class Digits(litserve.LitAPI):  # type: ignore[misc]  # LitServe is not installed where types are checked
    """Decodes in the workers, stacks, runs, splits, encodes."""

    def setup(self, device: str) -> None:
        """Load the model, once in each worker."""
        del device
        self.model = Perceptron()

    def decode_request(self, request: Request) -> NDArray[np.float32]:
        """A row of a body, which comes as the parsed JSON whatever the annotation says."""
        return np.array(request["features"], dtype=np.float32)

    def batch(self, inputs: list[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Rows to a batch."""
        return np.stack(inputs)

    def predict(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run the batch; LitServe gives a single row where batches have one row."""
        return self.model(x) if x.ndim > 1 else self.model(x[np.newaxis])[0]

    def unbatch(self, output: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """A batch to rows."""
        return list(output)

    def encode_response(self, output: NDArray[np.float32]) -> dict[str, Any]:
        """The body of an answer."""
        return answer(output)


if __name__ == "__main__":
    chosen = tuning()
    api = Digits(max_batch_size=chosen.batch_rows, batch_timeout=chosen.wait_ms / 1000)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=_WORKERS, fast_queue=True)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", generate_client_file=False)
