from __future__ import annotations

from typing import Any

import grpc
import pytest
from grpc import aio
from plimsoll.access.keys import KeyRing
from plimsoll.api.serving_state import Phase
from plimsoll.control.desired_state import DesiredModel, DesiredState, DesiredVersion
from plimsoll.rpc.open_inference_pb2 import (
    ModelMetadataRequest,
    ModelMetadataResponse,
    ModelReadyRequest,
    ModelReadyResponse,
    ServerLiveRequest,
    ServerLiveResponse,
    ServerMetadataRequest,
    ServerMetadataResponse,
    ServerReadyRequest,
    ServerReadyResponse,
)

from tests.doubles.models import EchoModel, flat_signature
from tests.unit.rpc.conftest import SERVICE, Port


async def ready(port: Port, name: str, version: str = "") -> bool:
    answer = await port.call("ModelReady", ModelReadyRequest(name=name, version=version), ModelReadyResponse)
    return bool(answer.ready)


async def described(port: Port, **named: str) -> Any:
    return await port.call("ModelMetadata", ModelMetadataRequest(**named), ModelMetadataResponse)


async def test_the_server_is_live_before_it_is_ready(port: Port) -> None:
    async def server_ready() -> bool:
        return bool((await port.call("ServerReady", ServerReadyRequest(), ServerReadyResponse)).ready)

    assert (await port.call("ServerLive", ServerLiveRequest(), ServerLiveResponse)).live
    assert not await server_ready()
    port.serve("echo", "1", EchoModel())
    assert await server_ready()
    port.state.phase = Phase.LEAVING
    assert not await server_ready()


async def test_a_model_is_ready_once_a_version_answers_and_an_unknown_one_is_an_error(echo: Port) -> None:
    echo.desire("echo", "2")
    assert await ready(echo, "echo")
    assert await ready(echo, "echo", "1")
    assert not await ready(echo, "echo", "2")
    for name, version in (("ghost", ""), ("echo", "9")):
        with pytest.raises(aio.AioRpcError) as refused:
            await ready(echo, name, version)
        assert refused.value.code() is grpc.StatusCode.NOT_FOUND
    echo.state.phase = Phase.LEAVING
    assert not await ready(echo, "echo")


async def test_the_server_names_itself(port: Port) -> None:
    answer = await port.call("ServerMetadata", ServerMetadataRequest(), ServerMetadataResponse)
    assert (answer.name, answer.version, list(answer.extensions)) == ("plimsoll", "1.2.3", ["classification"])


async def test_a_model_is_described_by_its_tensors_and_versions(echo: Port) -> None:
    echo.serve("echo", "2", EchoModel())
    answer = await described(echo, name="echo")
    assert (answer.name, list(answer.versions), answer.platform) == ("echo", ["1", "2"], "pytorch_safetensors")
    for (tensor,), name in ((answer.inputs, "x"), (answer.outputs, "y")):
        assert (tensor.name, tensor.datatype, list(tensor.shape)) == (name, "FP32", [-1, 2])
    assert list((await described(echo, name="echo", version="1")).versions) == ["1", "2"]


async def test_without_a_version_the_one_with_most_requests_is_described(port: Port) -> None:
    for version, width in (("1", 2), ("2", 3)):
        port.serve("echo", version, EchoModel(flat_signature(width)))
    for heavy, width in (("1", 2), ("2", 3)):
        weighted = [DesiredVersion(version=each, weight=90 if each == heavy else 10) for each in ("1", "2")]
        port.registry.desire(DesiredState(models=[DesiredModel(name="echo", versions=weighted)]))
        (tensor,) = (await described(port, name="echo")).inputs
        assert list(tensor.shape) == [-1, width]
        assert (await described(port)).name == "echo"


async def test_metadata_needs_a_key_where_keys_are_set_and_health_does_not(echo: Port) -> None:
    echo.gate.use(KeyRing(()))
    server = echo.call("ServerMetadata", ServerMetadataRequest(), ServerMetadataResponse)
    for call in (described(echo, name="echo"), ready(echo, "echo"), server):
        with pytest.raises(aio.AioRpcError) as refused:
            await call
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert (await echo.call("ServerLive", ServerLiveRequest(), ServerLiveResponse)).live


async def test_bytes_that_are_no_message_are_refused(echo: Port) -> None:
    with pytest.raises(aio.AioRpcError) as refused:
        await echo.channel.unary_unary(SERVICE + "ModelReady")(b"\x0a\x05abc")
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
