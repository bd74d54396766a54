"""The model behind LitServe: a `LitAPI` with batching, run by `python -m benchmarks.peers.litserve_server PORT`.

LitServe reads the annotations of `decode_request` as values, so they are not postponed here.
"""

import sys
from typing import Any

import litserve
import numpy as np
from fastapi import Request
from numpy.typing import NDArray

from benchmarks.peers.served_model import ServedModel
from benchmarks.peers.tuning import tuning

_WORKERS = 2


class Rows(litserve.LitAPI):  # type: ignore[misc]  # LitServe is not installed where types are checked
    """Decodes in the workers, runs a list of rows, encodes."""

    def setup(self, device: str) -> None:
        """Load the model, once in each worker."""
        del device
        self.model = ServedModel()

    def decode_request(self, request: Request) -> Any:  # noqa: ANN401  # as the model reads it
        """A row of a body, which comes as parsed JSON or as a form whatever the annotation says."""
        return self.model.read(request["features"])

    def batch(self, inputs: list[NDArray[Any]]) -> list[NDArray[Any]]:
        """Rows to a batch."""
        return inputs

    def predict(self, x: list[NDArray[Any]] | NDArray[Any]) -> Any:  # noqa: ANN401  # as x is
        """Run the batch; LitServe gives a single row where batches have one row."""
        return self.model(x) if isinstance(x, list) else self.model([x])[0]

    def unbatch(self, output: list[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """A batch to rows."""
        return output

    def encode_response(self, output: NDArray[np.float32]) -> dict[str, Any]:
        """The body of an answer."""
        return self.model.answer(output)


if __name__ == "__main__":
    chosen = tuning()
    api = Rows(max_batch_size=chosen.batch_rows, batch_timeout=chosen.wait_ms / 1000)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=_WORKERS, fast_queue=True)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", generate_client_file=False)
