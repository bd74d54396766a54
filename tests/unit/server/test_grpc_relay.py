"""The relay with a real gRPC server behind it and real clients in front of it."""

from __future__ import annotations

import asyncio
import collections
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import aio
from plimsoll.errors import OperatorError
from plimsoll.server.connection_limits import ConnectionLimits
from plimsoll.server.grpc_relay import GrpcRelay
from plimsoll.server.listeners import listen

from tests.unit.eventually import eventually

ALONE = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1)]
LONG = 3_000_000


class Echo(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpcio ships no types
    """Answers each message with itself, and keeps the peers. A message that begins with `slow` takes a while."""

    def __init__(self) -> None:
        self.peers: list[str] = []

    def service(self, _details: Any) -> Any:
        """The same for every method."""
        return grpc.unary_unary_rpc_method_handler(self._answer)

    async def _answer(self, message: bytes, context: Any) -> bytes:
        self.peers.append(context.peer())
        if message.startswith(b"slow"):
            await asyncio.sleep(0.5)
        return message


class Relayed:
    """A relay with a server of its own."""

    def __init__(self, relay: GrpcRelay, port: int, echo: Echo, refused: list[str]) -> None:
        self.relay, self.echo, self.refused = relay, echo, refused
        self.address = f"127.0.0.1:{port}"

    def channel(self) -> aio.Channel:
        """A connection of its own."""
        return aio.insecure_channel(self.address, ALONE)


@asynccontextmanager
async def relayed(limits: ConnectionLimits | None = None, port: int = 0) -> AsyncIterator[Relayed]:
    echo, refused = Echo(), list[str]()
    with listen("127.0.0.1", port, shared=True) as listener:
        relay = GrpcRelay(listener, limits or ConnectionLimits(), refused.append)
        server = aio.server(options=[("grpc.max_receive_message_length", -1)])
        server.add_generic_rpc_handlers((echo,))
        server.add_insecure_port(relay.address)
        await server.start()
        relay.start()
        yield Relayed(relay, listener.getsockname()[1], echo, refused)
        await server.stop(0)
        await relay.close()


async def ask(channel: aio.Channel, message: bytes = b"hello") -> bytes:
    answer: bytes = await channel.unary_unary("/any.Service/Method")(message, timeout=15)
    return answer


async def test_calls_pass_both_ways_whatever_their_length() -> None:
    async with relayed() as server, server.channel() as channel:
        assert await ask(channel) == b"hello"
        messages = [bytes([number]) * (LONG if number % 5 == 0 else number) for number in range(20)]
        assert await asyncio.gather(*(ask(channel, message) for message in messages)) == messages


async def test_a_client_has_its_address_while_it_is_connected() -> None:
    async with relayed() as server:
        async with server.channel() as channel:
            await ask(channel)
            (peer,) = server.echo.peers
            found = server.relay.client_of(peer)
            assert found is not None
            assert found[0] == "127.0.0.1"
        await eventually(lambda: server.relay.client_of(peer) is None)


async def test_a_client_that_is_asked_to_leave_ends_its_calls_and_then_connects_anew() -> None:
    async with relayed() as server, server.channel() as channel:
        slow = asyncio.ensure_future(ask(channel, b"slow"))
        await eventually(lambda: server.echo.peers)
        server.relay.ask_to_leave()
        server.relay.ask_to_leave()
        await eventually_elsewhere(server, channel)
        assert await slow == b"slow"
        first, *_, last = server.echo.peers
        assert first != last
        await eventually(lambda: server.relay.client_of(first) is None)
        assert server.relay.client_of(last) is not None


async def eventually_elsewhere(server: Relayed, channel: aio.Channel) -> None:
    """Call until a call comes over another connection than the first one."""
    async with asyncio.timeout(10):
        while len(set(server.echo.peers)) == 1:
            await ask(channel)


async def test_no_call_fails_when_clients_go_from_one_server_to_another() -> None:
    counts: collections.Counter[str] = collections.Counter()
    ended = asyncio.Event()

    async def call_all_the_time(address: str) -> None:
        async with aio.insecure_channel(address, ALONE) as channel:
            while not ended.is_set():
                try:
                    await ask(channel, b"x" * 300)
                    counts["answered"] += 1
                except aio.AioRpcError as error:
                    counts[f"{error.code()}: {error.details()}"] += 1

    async with relayed() as first:
        clients = [asyncio.ensure_future(call_all_the_time(first.address)) for _ in range(8)]
        await eventually(lambda: len(set(first.echo.peers)) == 8)
        async with relayed(port=int(first.address.rpartition(":")[2])) as second:
            await first.relay.close_listener()
            first.relay.ask_to_leave()
            await eventually(lambda: len(set(second.echo.peers)) == 8)
            ended.set()
            await asyncio.gather(*clients)
    assert set(counts) == {"answered"}
    assert counts["answered"] == len(first.echo.peers) + len(second.echo.peers)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (ConnectionLimits(connections=1), "too_many_connections"),
        (ConnectionLimits(connections_per_address=1), "too_many_from_address"),
    ],
)
async def test_connections_over_the_limit_are_refused_and_counted(limits: ConnectionLimits, reason: str) -> None:
    async with relayed(limits) as server:
        async with server.channel() as channel:
            await ask(channel)
            async with server.channel() as other:
                with pytest.raises(aio.AioRpcError):
                    await other.unary_unary("/any.Service/Method")(b"", timeout=0.5)
            assert set(server.refused) == {reason}
        async with asyncio.timeout(10):
            while True:
                async with server.channel() as later:
                    try:
                        assert await ask(later) == b"hello"
                        break
                    except aio.AioRpcError:
                        await asyncio.sleep(0.05)


async def test_bytes_that_are_no_http_2_end_the_connection_and_nothing_else() -> None:
    async with relayed() as server, server.channel() as channel:
        host, _, port = server.address.rpartition(":")
        for content in (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", bytes(range(256)) * 40, b""):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(content)
            if not content:
                writer.close()
            async with asyncio.timeout(10):
                await reader.read()
            writer.close()
        assert await ask(channel) == b"hello"


async def test_its_folder_is_gone_when_it_is_closed() -> None:
    async with relayed() as server:
        folder = Path(server.relay.address.removeprefix("unix:")).parent
        assert folder.is_dir()
        assert folder.stat().st_mode & 0o077 == 0
    assert not folder.exists()


def test_without_a_place_for_temporary_files_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> str:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(tempfile, "mkdtemp", refuse)
    with (
        listen("127.0.0.1", 0) as listener,
        pytest.raises(OperatorError, match="there is none: Read-only file system; name one that can be written by TMP"),
    ):
        GrpcRelay(listener, ConnectionLimits(), lambda _: None)


async def test_a_client_that_has_just_connected_is_not_asked_to_leave_yet() -> None:
    async with relayed() as server, server.channel() as channel:
        call = channel.unary_unary("/any/method")
        await call(b"1")
        (peer,) = set(server.echo.peers)
        server.relay.ask_to_leave(60.0)
        await asyncio.sleep(0.1)
        await call(b"2")
        assert set(server.echo.peers) == {peer}
        server.relay.ask_to_leave()

        async def over_another_connection() -> bool:
            await call(b"3")
            return len(set(server.echo.peers)) > 1

        for _ in range(100):
            if await over_another_connection():
                return
            await asyncio.sleep(0.05)
        pytest.fail("the client goes on over the connection that it was asked to leave")
