"""Tests servers that run next to the main one, each with its own connections."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

import httpx
import pytest
from plimsoll.server.connection_limits import ConnectionLimits
from plimsoll.server.listeners import listen, url_of
from plimsoll.server.side_servers import Side, serve_with_sides, side_limits
from plimsoll.server.uvicorn_server import http_protocol
from starlette.types import Receive, Scope, Send

from tests.unit.server.wire import Echo

PATIENCE_SECONDS = 20


def ask(url: str) -> tuple[int, str]:
    reply = httpx.post(url, content="hello", trust_env=False)
    return reply.status_code, reply.text


def protocols() -> tuple[Callable[[], Any], list[str]]:
    """The factory of a side server's connections, and the list of refusals that they count."""
    refused: list[str] = []
    return partial(http_protocol, side_limits(ConnectionLimits()), refused.append), refused


async def while_served(sides: list[Side], main: Callable[[], Any]) -> Any:
    """Serves the sides while `main` runs on a thread; returns the result of `main` after the sides have stopped."""
    found: list[Any] = []

    async def serve() -> None:
        found.append(await asyncio.to_thread(main))

    async with asyncio.timeout(PATIENCE_SECONDS):
        await serve_with_sides(serve(), sides, protocols()[0])
    return found[0]


@pytest.mark.parametrize("in_thread", [False, True])
async def test_a_side_answers_until_the_main_server_ends(*, in_thread: bool) -> None:
    with listen("127.0.0.1", 0) as listener:
        url = url_of(listener)
        assert await while_served([Side(Echo(), listener, in_thread=in_thread)], lambda: ask(url)) == (200, "hello")
        with pytest.raises(httpx.ConnectError):
            ask(url)


async def test_an_application_need_not_be_a_coroutine_function() -> None:
    def application(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return Echo()(scope, receive, send)

    with listen("127.0.0.1", 0) as listener:
        url = url_of(listener)
        assert await while_served([Side(application, listener)], lambda: ask(url)) == (200, "hello")


async def test_several_sides_have_ports_and_connections_of_their_own() -> None:
    applications = [Echo(), Echo()]
    with ExitStack() as sockets:
        listeners = [sockets.enter_context(listen("127.0.0.1", 0)) for _ in applications]
        urls = [url_of(listener) for listener in listeners]
        sides = [Side(app, listener) for app, listener in zip(applications, listeners, strict=True)]
        assert await while_served(sides, lambda: [ask(url) for url in urls]) == [(200, "hello")] * 2
    assert [len(application.asked) for application in applications] == [1, 1]


async def test_a_side_in_a_thread_answers_while_the_main_event_loop_is_held_up() -> None:
    with listen("127.0.0.1", 0) as listener:
        url = url_of(listener)

        app, found = Echo(), []

        async def main() -> None:
            await asyncio.to_thread(ask, url)  # the side has begun
            asking = threading.Thread(target=lambda: found.append(ask(url)))
            asking.start()
            asking.join(PATIENCE_SECONDS)  # which holds the loop up

        async with asyncio.timeout(PATIENCE_SECONDS):
            await serve_with_sides(main(), [Side(app, listener, in_thread=True)], protocols()[0])
    assert found == [(200, "hello")]


async def test_the_sides_end_where_the_main_server_fails() -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    with listen("127.0.0.1", 0) as listener:
        with pytest.raises(ZeroDivisionError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                await serve_with_sides(fail(), [Side(Echo(), listener)], protocols()[0])
        assert listener.fileno() == -1


@pytest.mark.parametrize(("connections", "fit"), [(1024, 64), (65, 64), (10, 10)])
def test_few_connect_to_a_side(connections: int, fit: int) -> None:
    limits = side_limits(ConnectionLimits(connections=connections, head_bytes=2000))
    assert limits == ConnectionLimits(connections=fit, head_bytes=2000)
