"""The port of gRPC over a whole service: it opens, leaves and closes with the main one."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from grpc import aio
from plimsoll.errors import OperatorError
from plimsoll.rpc.open_inference_pb2 import ServerReadyRequest, ServerReadyResponse
from plimsoll.server.grpc_port import GrpcPort
from plimsoll.server.listeners import listen
from plimsoll.server.uvicorn_server import rpc_limits
from plimsoll.settings import load_settings

from tests.conftest import MakeBundle
from tests.unit.services import running

READY = "/inference.GRPCInferenceService/ServerReady"


async def is_ready(port: GrpcPort, host: str = "127.0.0.1") -> bool:
    async with aio.insecure_channel(f"{host}:{port.port}", [("grpc.use_local_subchannel_pool", 1)]) as channel:
        stub = channel.unary_unary(READY, ServerReadyRequest.SerializeToString, ServerReadyResponse.FromString)
        return bool((await stub(ServerReadyRequest(), timeout=5)).ready)


async def while_served(folder: Path, port: GrpcPort, main: Callable[[], Any]) -> Any:
    """Serve while `main` runs; its result, after the port is closed."""
    found: list[Any] = []

    async def run() -> None:
        found.append(await main())

    async with asyncio.timeout(30), running(folder) as (application, _):
        await port.serve(application.rpc, rpc_limits(load_settings()), run())
    return found[0]


async def test_it_serves_until_the_main_server_ends(tmp_path: Path, make_tiny_bundle: MakeBundle) -> None:
    make_tiny_bundle()
    port = GrpcPort("127.0.0.1", 0, drain_seconds=5)
    assert await while_served(tmp_path, port, lambda: is_ready(port))
    with pytest.raises(aio.AioRpcError):
        await is_ready(port)


async def test_it_listens_on_ipv6_too(tmp_path: Path, make_tiny_bundle: MakeBundle) -> None:
    make_tiny_bundle()
    port = GrpcPort("::1", 0, drain_seconds=5)
    assert await while_served(tmp_path, port, lambda: is_ready(port, "[::1]"))


async def test_once_it_has_been_left_nobody_connects_and_it_ends_with_the_main_server(
    tmp_path: Path, make_tiny_bundle: MakeBundle
) -> None:
    make_tiny_bundle()
    port = GrpcPort("127.0.0.1", 0, drain_seconds=5)

    async def left() -> bool:
        await is_ready(port)
        await port.leave()
        with pytest.raises(aio.AioRpcError):
            await is_ready(port)
        return True

    assert await while_served(tmp_path, port, left)


async def test_it_ends_where_the_main_server_fails(tmp_path: Path, make_tiny_bundle: MakeBundle) -> None:
    make_tiny_bundle()
    port = GrpcPort("127.0.0.1", 0, drain_seconds=5)

    async def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await while_served(tmp_path, port, fail)
    with pytest.raises(aio.AioRpcError):
        await is_ready(port)


def test_an_address_that_cannot_be_used_is_named_with_its_setting() -> None:
    with listen("127.0.0.1", 0) as taken:
        taken.listen()
        number = taken.getsockname()[1]
        with pytest.raises(
            OperatorError, match=f"port {number}: Address already in use; choose another by PLIMSOLL_GRPC"
        ):
            GrpcPort("127.0.0.1", number, drain_seconds=5)


async def test_a_port_that_is_taken_meanwhile_is_refused_and_nothing_is_served(
    tmp_path: Path, make_tiny_bundle: MakeBundle
) -> None:
    make_tiny_bundle()
    with listen("127.0.0.1", 0) as free:
        number = free.getsockname()[1]
    port = GrpcPort("127.0.0.1", number, drain_seconds=5)

    async def main() -> None:
        raise AssertionError("served without its port")

    with listen("127.0.0.1", number) as taken:
        taken.listen()
        with pytest.raises(OperatorError, match=f"cannot listen on 127.0.0.1 port {number}; choose another"):
            await while_served(tmp_path, port, main)


def test_without_its_packages_it_says_which_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(OperatorError, match=r"pip install 'plimsoll\[grpc\]', or build the image with EXTRAS=grpc"):
        GrpcPort("127.0.0.1", 0, drain_seconds=5)
