from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import grpc
import pytest
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from plimsoll.api.serving_state import Phase
from plimsoll.rpc.health import MOST_WATCHES

from tests.doubles.models import EchoModel
from tests.unit.rpc.conftest import LIMITS, OpenPort, Port

SERVING, NOT_SERVING, UNKNOWN = (
    health_pb2.HealthCheckResponse.SERVING,
    health_pb2.HealthCheckResponse.NOT_SERVING,
    health_pb2.HealthCheckResponse.SERVICE_UNKNOWN,
)


def watch(port: Port, service: str = "") -> Any:
    request = health_pb2.HealthCheckRequest(service=service)
    return health_pb2_grpc.HealthStub(port.channel).Watch(request, timeout=20)


async def check(port: Port, service: str = "") -> int:
    stub = health_pb2_grpc.HealthStub(port.channel)
    return int((await stub.Check(health_pb2.HealthCheckRequest(service=service))).status)


async def test_the_server_and_its_models_have_a_state_each(port: Port) -> None:
    assert await check(port) == NOT_SERVING
    port.serve("echo", "1", EchoModel())
    port.desire("late", "1")
    states = {name: await check(port, name) for name in ("", "inference.GRPCInferenceService", "echo", "late")}
    assert list(states.values()) == [SERVING, SERVING, SERVING, NOT_SERVING]
    with pytest.raises(aio.AioRpcError) as refused:
        await check(port, "ghost")
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


async def test_a_watch_sends_every_change_and_ends_when_the_server_refuses(port: Port) -> None:
    server, ghost = watch(port), watch(port, "ghost")
    assert [(await stream.read()).status for stream in (server, ghost)] == [NOT_SERVING, UNKNOWN]
    port.serve("ghost", "1", EchoModel())
    assert [(await stream.read()).status for stream in (server, ghost)] == [SERVING, SERVING]
    port.state.phase = Phase.LEAVING
    assert [(await stream.read()).status for stream in (server, ghost)] == [NOT_SERVING, NOT_SERVING]
    port.state.phase = Phase.REFUSING
    assert [await stream.read() for stream in (server, ghost)] == [aio.EOF, aio.EOF]
    assert port.state.in_flight == 0


async def test_watches_are_bounded_and_a_client_that_leaves_frees_its_own(open_port: OpenPort) -> None:
    async with open_port(replace(LIMITS, connections=200)) as port:
        streams = [watch(port) for _ in range(MOST_WATCHES)]
        await asyncio.gather(*(stream.read() for stream in streams))
        with pytest.raises(aio.AioRpcError) as refused:
            await watch(port).read()
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        streams[0].cancel()
        async with asyncio.timeout(10):
            while True:
                try:
                    assert (await watch(port).read()).status == NOT_SERVING
                    break
                except aio.AioRpcError:
                    await asyncio.sleep(0.05)
