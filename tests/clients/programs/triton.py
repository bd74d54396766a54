"""Calls tritonclient: over HTTP and gRPC, synchronous and not."""

from __future__ import annotations

import asyncio
import inspect
import queue
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import tritonclient.grpc
import tritonclient.grpc.aio
import tritonclient.http
import tritonclient.http.aio
from tritonclient.utils import InferenceServerException

from tests.clients.programs.remote_calls import answer_calls

WAYS: dict[str, Any] = {
    "http": tritonclient.http,
    "http.aio": tritonclient.http.aio,
    "grpc": tritonclient.grpc,
    "grpc.aio": tritonclient.grpc.aio,
}


def call(way: str, address: str, method: str, *arguments: Any, **options: Any) -> Any:
    """The result of a method of a new client."""
    if not way.endswith("aio"):
        with WAYS[way].InferenceServerClient(address) as client:
            return getattr(client, method)(*arguments, **options)

    async def result() -> Any:
        async with WAYS[way].InferenceServerClient(address) as client:
            return await getattr(client, method)(*arguments, **options)

    return asyncio.run(result())


def infer(
    way: str,
    address: str,
    model: str,
    inputs: Sequence[tuple[Any, ...]],
    outputs: Sequence[dict[str, Any]] = (),
    **options: Any,
) -> tuple[Any, dict[str, Any]]:
    """The answer to an inference as JSON, and its tensors by name."""
    tensors, wanted = _asked(way, inputs, outputs)
    result = call(way, address, "infer", model, tensors, outputs=wanted, **options)
    return _parts(result, way)


def infer_at_once(address: str, model: str, inputs: Sequence[tuple[Any, ...]], times: int) -> list[Any]:
    """The answers to the same inference sent so many times at once, by the greenlets of the client."""
    tensors, _ = _asked("http", inputs, ())
    with tritonclient.http.InferenceServerClient(address, concurrency=times) as client:
        asked = [client.async_infer(model, tensors) for _ in range(times)]
        return [_parts(each.get_result(timeout=30), "http") for each in asked]


def stream(address: str, model: str, inputs: Sequence[tuple[Any, ...]]) -> str:
    """The text of the error of an inference over a stream of gRPC."""
    heard: queue.Queue[Any] = queue.Queue()
    tensors, _ = _asked("grpc", inputs, ())
    with tritonclient.grpc.InferenceServerClient(address) as client:
        client.start_stream(lambda result, error: heard.put((result, error)))
        with suppress(InferenceServerException):  # the stream may have ended before the first request
            client.async_stream_infer(model, tensors)
        _, error = heard.get(timeout=30)
    return str(error)


def request_body(inputs: Sequence[tuple[Any, ...]], outputs: Sequence[dict[str, Any]] = ()) -> tuple[bytes, int | None]:
    """The body of an inference, and the length of its JSON if more follows."""
    tensors, wanted = _asked("http", inputs, outputs)
    made: tuple[bytes, int | None] = tritonclient.http.InferenceServerClient.generate_request_body(
        tensors, outputs=wanted
    )
    return made


def parsed(body: bytes, header_length: int | None) -> tuple[Any, dict[str, Any]]:
    """The parts of an answer that another HTTP client has fetched."""
    result = tritonclient.http.InferenceServerClient.parse_response_body(body, header_length=header_length)
    return _parts(result, "http")


def _asked(way: str, inputs: Sequence[tuple[Any, ...]], outputs: Sequence[dict[str, Any]]) -> tuple[list[Any], Any]:
    """Inputs from (name, datatype, array) and over HTTP (…, whether in binary); outputs from their options."""
    module = WAYS[way]
    tensors = []
    for name, datatype, array, *binary in inputs:
        tensor = module.InferInput(name, list(array.shape), datatype)
        tensor.set_data_from_numpy(array, *binary)
        tensors.append(tensor)
    return tensors, [module.InferRequestedOutput(**each) for each in outputs] or None


def _parts(result: Any, way: str) -> tuple[Any, dict[str, Any]]:
    answer = result.get_response(as_json=True) if way.startswith("grpc") else result.get_response()
    assert not inspect.isawaitable(answer)
    return answer, {output["name"]: result.as_numpy(output["name"]) for output in answer["outputs"]}


if __name__ == "__main__":
    answer_calls(call, infer, infer_at_once, stream, request_body, parsed)
