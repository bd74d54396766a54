"""The server as its clients meet it: start, limits of connections and metadata, and stop."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import grpc
import pytest
from grpc import aio
from plimsoll.rpc.rpc_server import SERVICE, RpcServer

from tests.doubles.models import EchoModel, SlowModel
from tests.unit.eventually import eventually
from tests.unit.rpc.conftest import LIMITS, OpenPort, Port, raw_request


def test_the_service_has_the_name_of_the_protocol() -> None:
    assert SERVICE == "inference.GRPCInferenceService"


async def refusal_of(port: Port) -> str:
    """The error of a second server at the address of a port; nothing of that server is left afterwards."""
    try:
        await RpcServer(port.parts, LIMITS).start(port.address)
    except OSError as error:
        return str(error)
    return ""


async def test_an_address_in_use_is_refused(port: Port) -> None:
    assert await refusal_of(port) == f"{port.address} cannot be used"
    await asyncio.sleep(0)


async def test_calls_in_progress_end_and_new_ones_go_elsewhere_when_it_stops(port: Port) -> None:
    model = SlowModel()
    port.serve("echo", "1", model)
    running = asyncio.ensure_future(port.infer(raw_request()))
    assert await asyncio.to_thread(model.running.wait, 10)
    stopping = asyncio.ensure_future(port.server.stop(20))
    await asyncio.sleep(0.2)
    async with aio.insecure_channel(port.address) as other:
        late = other.unary_unary(f"/{SERVICE}/ModelInfer")(raw_request().SerializeToString(), timeout=5)
        with pytest.raises(aio.AioRpcError) as refused:
            await late
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert not stopping.done()
    model.release.set()
    assert (await running).model_name == "echo"
    async with asyncio.timeout(10):
        await stopping


async def test_a_call_that_takes_longer_than_the_stop_is_cut_off(port: Port) -> None:
    model = SlowModel()
    port.serve("echo", "1", model)
    running = asyncio.ensure_future(port.infer(raw_request()))
    assert await asyncio.to_thread(model.running.wait, 10)
    await port.server.stop(0.1)
    with pytest.raises(aio.AioRpcError):
        await running
    assert (port.state.in_flight, port.lanes[0].admission.requests_in_flight) == (0, 0)
    model.release.set()


async def test_metadata_over_the_cap_is_refused(echo: Port) -> None:
    long = (("x-mine", "y" * LIMITS.metadata_bytes),)
    with pytest.raises(aio.AioRpcError) as refused:
        await echo.infer(raw_request(), metadata=long)
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert (await echo.infer(raw_request(), metadata=(("x-mine", "y" * 5000),))).model_name == "echo"


async def test_calls_and_connections_over_the_limit_are_refused(open_port: OpenPort) -> None:
    async with open_port(replace(LIMITS, connections=3)) as port:
        model = SlowModel()
        port.serve("echo", "1", model)
        running = [asyncio.ensure_future(port.infer(raw_request())) for _ in range(3)]
        assert await asyncio.to_thread(model.running.wait, 10)
        async with asyncio.timeout(10):
            while port.state.in_flight < 3:  # noqa: ASYNC110  # the server's own state
                await asyncio.sleep(0.01)
        with pytest.raises(aio.AioRpcError) as refused:
            await port.infer(raw_request())
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        model.release.set()
        assert len(await asyncio.gather(*running)) == 3


async def test_a_connection_over_the_limit_is_not_served(open_port: OpenPort) -> None:
    async with open_port(replace(LIMITS, connections=1)) as port:
        port.serve("echo", "1", EchoModel())
        await port.infer(raw_request())
        options = [("grpc.use_local_subchannel_pool", 1)]
        async with aio.insecure_channel(port.address, options) as other:
            call = other.unary_unary(f"/{SERVICE}/ModelInfer")(raw_request().SerializeToString(), timeout=1)
            with pytest.raises(aio.AioRpcError) as refused:
                await call
        assert refused.value.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
        await port.infer(raw_request())


async def test_an_idle_connection_is_closed_and_the_next_call_opens_another(open_port: OpenPort) -> None:
    async with open_port(replace(LIMITS, idle_seconds=0.2)) as port:
        port.serve("echo", "1", EchoModel())
        await port.infer(raw_request())
        assert port.channel.get_state() is grpc.ChannelConnectivity.READY
        await eventually(lambda: port.channel.get_state() is grpc.ChannelConnectivity.IDLE)
        assert (await port.infer(raw_request())).model_name == "echo"
