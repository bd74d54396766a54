"""Calls the clients of kserve: over HTTP in both of its protocols, and over gRPC."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest
from kserve.inference_client import RESTConfig
from kserve.protocol.infer_type import RequestedOutput

from tests.clients.programs.remote_calls import answer_calls


def rest(protocol: str, method: str, *arguments: Any, **options: Any) -> Any:
    """The result of a method of a new client for HTTP; `protocol` is v1 or v2."""

    async def result() -> Any:
        async with InferenceRESTClient(RESTConfig(protocol=protocol, timeout=30)) as client:
            return await getattr(client, method)(*arguments, **options)

    return asyncio.run(result())


def rest_infer(
    url: str, model: str, inputs: Sequence[tuple[Any, ...]], outputs: Sequence[tuple[str, Any]] = (), **options: Any
) -> tuple[Any, dict[str, Any]]:
    """The answer to an inference over HTTP without its tensors, and these by name."""
    request = _request(model, inputs, outputs, options.pop("parameters", None))
    return _parts(rest("v2", "infer", url, request, model_name=model, **options))


def grpc(address: str, method: str, *arguments: Any, **options: Any) -> Any:
    """The result of a method of a new client for gRPC that never asks twice."""

    async def result() -> Any:
        async with InferenceGRPCClient(address, retries=0, timeout=30) as client:
            return await getattr(client, method)(*arguments, **options)

    return asyncio.run(result())


def grpc_infer(
    address: str, model: str, inputs: Sequence[tuple[Any, ...]], outputs: Sequence[tuple[str, Any]] = (), **options: Any
) -> tuple[Any, dict[str, Any]]:
    """The same over gRPC; inputs without binary data travel as typed contents."""
    request = _request(model, inputs, outputs, options.pop("parameters", None))
    return _parts(grpc(address, "infer", request, **options))


def _request(
    model: str, inputs: Sequence[tuple[Any, ...]], outputs: Sequence[tuple[str, Any]], parameters: Any
) -> InferRequest:
    """Of inputs (name, datatype, array, whether in binary) and outputs (name, parameters)."""
    tensors = []
    for name, datatype, array, binary in inputs:
        tensor = InferInput(name, list(array.shape), datatype)
        tensor.set_data_from_numpy(array, binary_data=binary)
        tensors.append(tensor)
    wanted = [RequestedOutput(name, given) for name, given in outputs]
    return InferRequest(model, tensors, parameters=parameters, request_outputs=wanted or None)


def _parts(answer: Any) -> tuple[Any, dict[str, Any]]:
    head = {"id": answer.id, "model_name": answer.model_name, "model_version": answer.model_version}
    return head, {output.name: output.as_numpy() for output in answer.outputs}


if __name__ == "__main__":
    answer_calls(rest, rest_infer, grpc, grpc_infer)
