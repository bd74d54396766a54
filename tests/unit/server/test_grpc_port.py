"""The port of gRPC over a whole service: it opens, leaves and closes with the main one."""

from __future__ import annotations

import asyncio
import importlib
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from grpc import aio
from plimsoll.errors import OperatorError
from plimsoll.rpc.open_inference_pb2 import ServerReadyRequest, ServerReadyResponse
from plimsoll.server.grpc_port import GrpcPort
from plimsoll.server.listeners import listen
from plimsoll.server.uvicorn_server import grpc_limits
from plimsoll.settings import load_settings

from tests.conftest import MakeBundle
from tests.unit.services import running

READY = "/inference.GRPCInferenceService/ServerReady"
ALONE = [("grpc.use_local_subchannel_pool", 1)]


async def is_ready(address: str) -> bool:
    async with aio.insecure_channel(address, ALONE) as channel:
        stub = channel.unary_unary(READY, ServerReadyRequest.SerializeToString, ServerReadyResponse.FromString)
        return bool((await stub(ServerReadyRequest(), timeout=5)).ready)


def opened(listener: socket.socket, **chosen: Any) -> GrpcPort:
    return GrpcPort(listener, grpc_limits(load_settings(**chosen)), lambda _: None)


async def while_served(folder: Path, port: GrpcPort, main: Callable[[], Any]) -> Any:
    """Serve while `main` runs; its result, after the port is closed."""
    found: list[Any] = []

    async def run() -> None:
        found.append(await main())

    async with asyncio.timeout(30), running(folder) as (application, _):
        await port.serve(application.rpc, run())
    return found[0]


@pytest.mark.parametrize(("host", "named"), [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")])
async def test_it_serves_until_the_main_server_ends(
    tmp_path: Path, make_tiny_bundle: MakeBundle, host: str, named: str
) -> None:
    make_tiny_bundle()
    with listen(host, 0) as listener:
        address = f"{named}:{listener.getsockname()[1]}"
        assert await while_served(tmp_path, opened(listener), lambda: is_ready(address))
    with pytest.raises(aio.AioRpcError):
        await is_ready(address)


async def test_it_ends_where_the_main_server_fails(tmp_path: Path, make_tiny_bundle: MakeBundle) -> None:
    make_tiny_bundle()

    async def fail() -> None:
        raise ZeroDivisionError

    with listen("127.0.0.1", 0) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(ZeroDivisionError):
            await while_served(tmp_path, opened(listener), fail)
    with pytest.raises(aio.AioRpcError):
        await is_ready(address)


async def test_once_it_has_been_left_nobody_connects_and_calls_still_end(
    tmp_path: Path, make_tiny_bundle: MakeBundle
) -> None:
    make_tiny_bundle()
    with listen("127.0.0.1", 0) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        port = opened(listener)

        async def left() -> bool:
            async with aio.insecure_channel(address, ALONE) as channel:
                stub = channel.unary_unary(READY, ServerReadyRequest.SerializeToString, ServerReadyResponse.FromString)
                await stub(ServerReadyRequest(), timeout=5)
                leaving = asyncio.ensure_future(port.leave())
                await asyncio.sleep(0.2)
                with pytest.raises(aio.AioRpcError):
                    await is_ready(address)
                await leaving
            return True

        assert await while_served(tmp_path, port, left)


def test_without_its_packages_it_says_which_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with (
        listen("127.0.0.1", 0) as listener,
        pytest.raises(OperatorError, match=r"pip install 'plimsoll\[grpc\]', or build the image with EXTRAS=grpc"),
    ):
        opened(listener)
