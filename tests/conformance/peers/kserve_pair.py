"""The model `pair` behind KServe's Python server: `python kserve_pair.py --http_port 8080 --grpc_port 8081`."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer, model_server
from kserve.errors import InvalidInput
from kserve.utils.utils import generate_uuid


class Pair(Model):  # type: ignore[misc]  # KServe is not installed where types are checked
    """Doubles numbers and raises texts; checks that both inputs came, and no shapes, as KServe's examples do."""

    def __init__(self) -> None:
        super().__init__("pair")
        self.ready = True

    def get_input_types(self) -> list[dict[str, Any]]:
        """The inputs of the metadata."""
        return [
            {"name": "numbers", "datatype": "FP32", "shape": [-1, 3]},
            {"name": "texts", "datatype": "BYTES", "shape": [-1]},
        ]

    def get_output_types(self) -> list[dict[str, Any]]:
        """The outputs of the metadata."""
        return [
            {"name": "scaled", "datatype": "FP32", "shape": [-1, 3]},
            {"name": "loud", "datatype": "BYTES", "shape": [-1]},
        ]

    async def predict(self, payload: InferRequest, headers: dict[str, str] | None = None) -> InferResponse:  # noqa: ARG002
        """Run one request."""
        numbers, texts = payload.get_input_by_name("numbers"), payload.get_input_by_name("texts")
        if numbers is None or texts is None:
            raise InvalidInput("the inputs numbers and texts are needed")
        scaled = numbers.as_numpy() * np.float32(2) + np.float32(1)
        given = [each if isinstance(each, bytes) else str(each).encode() for each in texts.as_numpy().reshape(-1)]
        loud = np.array([text.upper() for text in given], dtype=object)
        outputs = [
            InferOutput("scaled", list(scaled.shape), "FP32"),
            InferOutput("loud", list(loud.shape), "BYTES"),
        ]
        for output, array in zip(outputs, (scaled, loud), strict=True):
            output.set_data_from_numpy(array, binary_data=payload.use_binary_outputs)
        return InferResponse(
            payload.id or generate_uuid(),
            self.name,
            outputs,
            use_binary_outputs=payload.use_binary_outputs,
            requested_outputs=payload.request_outputs,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(parents=[model_server.parser])
    parser.parse_args()
    ModelServer().start([Pair()])
