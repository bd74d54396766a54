"""The model behind MLServer: a custom runtime, which MLServer hands batches that it has put together itself."""

from __future__ import annotations

import numpy as np
from mlserver import MLModel
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput

from benchmarks.peers.perceptron import COLUMNS, Perceptron


class Digits(MLModel):  # type: ignore[misc]  # MLServer is not installed where types are checked
    """Takes one input of shape [rows, columns], gives the classes and the probabilities."""

    async def load(self) -> bool:
        """Load the model."""
        self._model = Perceptron()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Run one batch."""
        rows = np.array(payload.inputs[0].data, dtype=np.float32).reshape(-1, COLUMNS)
        probabilities = self._model(rows)
        count, classes = probabilities.shape
        return InferenceResponse(
            id=payload.id,
            model_name=self.name,
            outputs=[
                ResponseOutput(
                    name="class", shape=[count, 1], datatype="INT64", data=probabilities.argmax(axis=1).tolist()
                ),
                ResponseOutput(
                    name="probabilities", shape=[count, classes], datatype="FP32", data=probabilities.ravel().tolist()
                ),
            ],
        )
