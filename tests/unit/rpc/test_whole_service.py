"""gRPC of a whole application: its settings, its own bundles, and a task of one's own, which is asked by texts."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import numpy as np
import pytest
from grpc import aio
from plimsoll.application import Application
from plimsoll.rpc.open_inference_pb2 import (
    InferTensorContents,
    ModelInferRequest,
    ModelInferResponse,
    ModelMetadataRequest,
    ModelMetadataResponse,
)
from plimsoll.rpc.rpc_server import RpcServer
from plimsoll.server.uvicorn_server import grpc_limits

from tests.conftest import MakeBundle
from tests.doubles.own_tasks import GO, ROW, with_own_task
from tests.unit.rpc.conftest import SERVICE, infer_input, raw_request
from tests.unit.services import running

LETTERS = "tests.doubles.own_tasks:Letters"


@pytest.fixture
async def service(tmp_path: Path, make_tiny_bundle: MakeBundle) -> AsyncIterator[tuple[Application, aio.Channel]]:
    GO.set()
    make_tiny_bundle(name="plain")
    with_own_task(make_tiny_bundle(name="letters"))
    async with running(tmp_path, factories=LETTERS, grpc_port=0) as (application, _):
        server = RpcServer(application.rpc, grpc_limits(application.settings).calls)
        port = await server.start("127.0.0.1:0")
        async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield application, channel
        await server.stop(0)


async def infer(channel: aio.Channel, request: ModelInferRequest) -> ModelInferResponse:
    stub = channel.unary_unary(
        SERVICE + "ModelInfer", ModelInferRequest.SerializeToString, ModelInferResponse.FromString
    )
    answer: ModelInferResponse = await stub(request, timeout=30)
    return answer


def texts(*rows: object, raw: bool) -> ModelInferRequest:
    """A request for the task of one's own, with a row in JSON for each element."""
    elements = [json.dumps(row).encode() for row in rows]
    tensor = infer_input("letters", "BYTES", (len(rows),))
    request = ModelInferRequest(model_name="letters", inputs=[tensor])
    if raw:
        request.raw_input_contents.append(b"".join(len(each).to_bytes(4, "little") + each for each in elements))
    else:
        request.inputs[0].contents.CopyFrom(InferTensorContents(bytes_contents=elements))
    return request


async def test_a_bundle_is_asked_by_its_own_tensors(service: tuple[Application, aio.Channel]) -> None:
    _, channel = service
    stub = channel.unary_unary(
        SERVICE + "ModelMetadata", ModelMetadataRequest.SerializeToString, ModelMetadataResponse.FromString
    )
    described = await stub(ModelMetadataRequest(name="plain"), timeout=30)
    (tensor,) = described.inputs
    request = raw_request(np.full((2, 4), 0.5, np.float32), "plain")
    request.inputs[0].name = tensor.name
    answer = await infer(channel, request)
    assert (tensor.datatype, list(tensor.shape), list(answer.outputs[0].shape)) == ("FP32", [-1, 4], [2, 3])


@pytest.mark.parametrize("raw", [True, False])
async def test_a_task_of_ones_own_is_asked_and_answers_by_texts(
    service: tuple[Application, aio.Channel], *, raw: bool
) -> None:
    _, channel = service
    answer = await infer(channel, texts(ROW, {**ROW, "a": 0}, raw=raw))
    (output,) = answer.outputs
    assert (output.name, output.datatype, list(output.shape)) == ("result", "BYTES", [2])
    if raw:
        content = answer.raw_output_contents[0]
        first = content[4 : 4 + int.from_bytes(content[:4], "little")]
    else:
        first = output.contents.bytes_contents[0]
    assert sorted(json.loads(first)) == ["label", "scores"]


async def test_a_row_that_the_task_refuses_is_the_clients_fault(service: tuple[Application, aio.Channel]) -> None:
    _, channel = service
    with pytest.raises(aio.AioRpcError) as refused:
        await infer(channel, texts(ROW, {"a": 1}, raw=True))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "row 1" in str(refused.value.details())


async def test_calls_are_counted_in_the_metrics_of_the_service(tmp_path: Path, make_tiny_bundle: MakeBundle) -> None:
    make_tiny_bundle()
    for port, counted in ((None, False), (0, True)):
        async with running(tmp_path, grpc_port=port) as (_, client):
            scrape = (await client.get("/metrics")).text
            assert ('protocol="grpc"' in scrape) is counted
