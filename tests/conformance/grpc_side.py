"""The gRPC side of the server under test: its methods, its messages, and tensors in both of their forms."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from tests.conformance.grpc_messages import CONTENTS, METHODS, SERVICE, message_classes
from tests.conformance.tensors import Array, Tensor, from_binary, numpy_type, to_binary

SECONDS = 30


class GrpcSide:
    """Calls the six methods of the service; needs the packages grpcio and protobuf."""

    def __init__(self, address: str, model: str, version: str | None) -> None:
        grpc: Any = importlib.import_module("grpc")
        self._error: Any = grpc.RpcError
        self.codes: Any = grpc.StatusCode
        self.messages = message_classes()
        self.model = model
        self.version = version or ""
        self._channel = grpc.insecure_channel(address)
        self._methods = {
            method: self._channel.unary_unary(
                f"/{SERVICE}/{method}",
                request_serializer=lambda message: message.SerializeToString(),
                response_deserializer=self.messages[f"{method}Response"].FromString,
            )
            for method in METHODS
        }

    def call(self, method: str, **fields: Any) -> Any:
        """The response of a method, of which the status must be OK."""
        try:
            return self._call(method, fields)
        except self._error as error:
            raise AssertionError(f"OK expected, the status was {error.code().name}: {error.details()}") from None

    def error_of(self, method: str, **fields: Any) -> Any:
        """The error of a method, which has `code()` and `details()`; None if the status is OK."""
        try:
            self._call(method, fields)
        except self._error as error:
            return error
        return None

    def infer(self, tensors: Sequence[Tensor], *, raw: bool, **fields: Any) -> list[Tensor]:
        """The outputs for these inputs, sent as raw contents or as typed ones."""
        return self.outputs(self.call("ModelInfer", **self.request(tensors, raw=raw, **fields)))

    def request(self, tensors: Sequence[Tensor], *, raw: bool, **fields: Any) -> dict[str, Any]:
        """The fields of an inference request."""
        named = {"model_name": self.model, "model_version": self.version}
        if raw:
            contents = [to_binary(tensor.datatype, tensor.array) for tensor in tensors]
            return named | {"inputs": [tensor.head() for tensor in tensors], "raw_input_contents": contents} | fields
        inputs = [
            tensor.head() | {"contents": {CONTENTS[tensor.datatype]: tensor.array.reshape(-1).tolist()}}
            for tensor in tensors
        ]
        return named | {"inputs": inputs} | fields

    def outputs(self, response: Any) -> list[Tensor]:
        """The outputs of a response, whichever form the server chose."""
        raw = list(response.raw_output_contents)
        assert not raw or len(raw) == len(response.outputs), "as many raw contents as outputs expected"
        found = []
        for place, output in enumerate(response.outputs):
            shape = list(output.shape)
            array = from_binary(output.datatype, shape, raw[place]) if raw else _typed(output, shape)
            found.append(Tensor(output.name, output.datatype, array))
        return found

    def _call(self, method: str, fields: dict[str, Any]) -> Any:
        return self._methods[method](self.messages[f"{method}Request"](**fields), timeout=SECONDS)


def _typed(output: Any, shape: list[int]) -> Array:
    values = list(getattr(output.contents, CONTENTS[output.datatype]))
    array = np.empty(len(values), dtype=numpy_type(output.datatype))
    array[:] = values
    return array.reshape(tuple(shape))
