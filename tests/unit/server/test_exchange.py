"""What a client reads of what an application sends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from plimsoll.inference.call import CLIENT_GONE, WHOLE_BODY
from plimsoll.server.connection_limits import ConnectionLimits
from plimsoll.server.connections import Connections
from plimsoll.server.http_connection import HttpConnection
from starlette.types import Message, Receive, Scope, Send
from uvicorn.server import ServerState

from tests.unit.server.test_http_connection import GET, OLD, post
from tests.unit.server.wire import Wire

MANY = 9
"""Requests whose answers are written together."""


async def answered(*messages: Message, request: bytes = GET) -> Wire:
    """What became of a request for which the application sends these messages."""

    async def says(_scope: Scope, _receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    wire = Wire(says)
    await wire.send(request)
    return wire


def start(status: int = 200, *fields: tuple[bytes, bytes]) -> Message:
    return {"type": "http.response.start", "status": status, "headers": list(fields)}


def part(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}


async def test_an_answer_is_one_write_where_it_is_short() -> None:
    assert len((await answered(start(200, (b"content-length", b"2")), part(b"{}"))).client.writes) == 1
    long = await answered(start(200, (b"content-length", b"70000")), part(b"x" * 70_000))
    assert [len(each) > 60_000 for each in long.client.writes] == [False, True]


async def test_heads_whose_bodies_are_late_do_not_wait_for_them() -> None:
    begun: list[Send] = []

    async def begins(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send(start(200, (b"content-length", b"2")))
        begun.append(send)
        await asyncio.Event().wait()

    connections = Connections(ConnectionLimits())
    wires = [Wire(begins, connections=connections) for _ in range(3)]
    for wire in wires:
        wire.connection.data_received(GET)
    for wire in wires:
        await wire.settle()
        assert wire.client.said.endswith(b"content-length: 2\r\n\r\n")
    await begun[1](part(b"{}"))
    assert [wire.client.said.endswith(b"{}") for wire in wires] == [False, True, False]
    for wire in wires:
        wire.connection.connection_lost(None)


async def in_one_turn(count: int, packet: bytes = GET) -> list[Wire]:
    """Connections of one server that were answered in one turn of the event loop, which is not over yet."""
    answer = asyncio.Event()

    async def waits(_scope: Scope, _receive: Receive, send: Send) -> None:
        await answer.wait()
        await send(start(200, (b"content-length", b"2")))
        await send(part(b"{}"))

    connections = Connections(ConnectionLimits())
    server = ServerState()
    wires = [Wire(waits, connections=connections, server=server) for _ in range(count)]
    for wire in wires:
        await wire.send(packet)
    answer.set()
    await asyncio.sleep(0)
    return wires


async def test_the_answers_to_many_are_written_together_at_the_end_of_their_turn() -> None:
    wires = await in_one_turn(MANY)
    assert [wire.client.writes for wire in wires] == [[]] * MANY
    await asyncio.sleep(0)
    for wire in wires:
        assert len(wire.client.writes) == 1
        assert wire.client.said.endswith(b"\r\n\r\n{}")
        wire.connection.connection_lost(None)


async def test_the_answers_to_few_are_written_at_once() -> None:
    for wire in await in_one_turn(8):
        assert wire.client.said.endswith(b"\r\n\r\n{}")
        wire.connection.connection_lost(None)


@pytest.mark.parametrize(
    "ends",
    [
        lambda connection: connection.eof_received(),
        lambda connection: connection.shutdown(),
        lambda connection: connection.close_for_another(),
        lambda connection: connection.data_received(b"no HTTP\r\n\r\n"),
    ],
)
async def test_no_answer_is_lost_where_its_connection_ends_before_the_turn(
    ends: Callable[[HttpConnection], object],
) -> None:
    kept, *others = await in_one_turn(MANY)
    ends(kept.connection)
    assert kept.client.said.startswith(b"HTTP/1.1 200 OK\r\n")
    assert kept.client.said.count(b"\r\n\r\n{}") == 1
    await kept.settle()
    assert kept.client.said.count(b"\r\n\r\n{}") == 1
    for wire in others:
        wire.connection.connection_lost(None)


async def test_an_answer_that_is_kept_is_not_written_to_a_client_that_has_left() -> None:
    wires = await in_one_turn(MANY)
    for wire in wires:
        wire.connection.connection_lost(None)
    for wire in wires:
        await wire.settle()
        assert wire.client.writes == []


async def test_pipelined_requests_are_answered_in_their_order_whichever_is_kept() -> None:
    wires = await in_one_turn(MANY, GET + GET + GET)
    for wire in wires:
        await wire.settle()
        assert wire.client.said.count(b"HTTP/1.1 200 OK\r\n") == wire.client.said.count(b"{}") == 3
        wire.connection.connection_lost(None)


async def test_a_request_that_is_answered_is_no_running_task_any_more() -> None:
    wire = await answered(start(200, (b"content-length", b"2")), part(b"{}"))
    assert not wire.server.tasks


@pytest.mark.parametrize(
    ("packets", "found"),
    [
        ((post(b"hello"),), [b"hello", None]),
        ((post(b""),), [b"", None]),
        ((GET,), [b"", None]),
        ((post(b"hello")[:-2], b"lo"), [None, "received", None]),
        ((post(b"hello", b"Expect: 100-continue")[:-5], b"hello"), [None, "received", None]),
    ],
)
async def test_a_whole_body_is_taken_once_and_before_anything_is_received(
    packets: tuple[bytes, ...], found: list[object]
) -> None:
    looked: list[object] = []

    async def looks(scope: Scope, receive: Receive, send: Send) -> None:
        whole = scope["extensions"][WHOLE_BODY]
        looked.append(whole())
        if looked == [None]:
            assert (await receive())["type"] == "http.request"
            looked.append("received")
        looked.append(whole())
        await send(start(200, (b"content-length", b"0")))
        await send(part(b""))

    await Wire(looks).send(*packets)
    assert looked == found


async def test_a_client_that_is_gone_has_no_whole_body() -> None:
    looked: list[object] = []

    async def looks(scope: Scope, _receive: Receive, _send: Send) -> None:
        await asyncio.sleep(0)
        looked.append(scope["extensions"][WHOLE_BODY]())

    wire = Wire(looks)
    wire.connection.data_received(post(b"hello"))
    wire.connection.connection_lost(None)
    await wire.settle()
    assert looked == [None]


async def test_whoever_waits_for_a_client_to_leave_hears_of_it_and_reads_nothing_of_it() -> None:
    heard: list[object] = []

    async def waits(scope: Scope, receive: Receive, _send: Send) -> None:
        gone = scope["extensions"][CLIENT_GONE]
        gone().cancel()
        first, second = gone(), gone()
        first.cancel()
        heard.append(second.done())
        await second
        heard.append(gone().done())
        heard.append((await receive())["type"])

    wire = Wire(waits)
    await wire.send(post(b"hello"))
    assert heard == [False]
    wire.connection.connection_lost(None)
    await wire.settle()
    assert heard == [False, True, "http.disconnect"]


async def test_an_answer_of_unknown_length_comes_in_chunks() -> None:
    wire = await answered(start(), part(b"ab", more=True), part(b"", more=True), part(b"c"))
    assert wire.client.said.endswith(b"\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")
    old = await answered(start(), part(b"ab", more=True), part(b"c"), request=OLD)
    assert old.client.said.endswith(b"\r\nconnection: close\r\n\r\nabc")
    assert old.client.closed


@pytest.mark.parametrize("status", [200, 204, 304, 404])
async def test_an_answer_without_a_body_has_none(status: int) -> None:
    head = GET.replace(b"GET", b"HEAD")
    wire = await answered(start(status, (b"content-length", b"2")), part(b"{}"), request=head)
    assert wire.client.said.endswith(b"content-length: 2\r\n\r\n")
    assert not wire.client.closed


@pytest.mark.parametrize(
    "messages",
    [
        (start(200, (b"x", b"a\r\nset-cookie: b")), part(b"")),
        (start(200, (b"x", b"a\nb")), part(b"")),
        (start(200, (b"x\r\ny", b"a")), part(b"")),
        (start(200, (b"x", b"a\x00")), part(b"")),
        (part(b"early"),),
        (),
    ],
)
async def test_an_answer_that_cannot_be_sent_ends_the_connection_and_writes_nothing(
    messages: tuple[Message, ...], caplog: pytest.LogCaptureFixture
) -> None:
    wire = await answered(*messages)
    assert (wire.client.said, wire.client.closed) == (b"", True)
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    "messages",
    [
        (start(200, (b"content-length", b"2")), part(b"abc")),
        (start(200, (b"content-length", b"4")), part(b"abc")),
        (start(200, (b"content-length", b"4")), part(b"abc", more=True)),
        (start(), part(b"abc", more=True)),
        (start(), start()),
    ],
)
async def test_an_answer_that_breaks_off_ends_the_connection(
    messages: tuple[Message, ...], caplog: pytest.LogCaptureFixture
) -> None:
    assert (await answered(*messages)).client.closed
    assert len(caplog.records) == 1


async def test_a_head_does_not_wait_for_a_slow_body() -> None:
    go_on = asyncio.Event()

    async def slow(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send(start(200, (b"content-length", b"2")))
        await go_on.wait()
        await send(part(b"{}"))

    wire = Wire(slow)
    assert (await wire.send(GET)).endswith(b"content-length: 2\r\n\r\n")
    go_on.set()
    await wire.settle()
    assert wire.client.said.endswith(b"{}")


async def test_an_application_waits_for_a_client_that_reads_slowly() -> None:
    sent: list[int] = []

    async def much(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send(start())
        wire.connection.pause_writing()
        for index in range(3):
            await send(part(b"x" * 10, more=index < 2))
            sent.append(index)

    wire = Wire(much)
    await wire.send(GET)
    assert sent == []
    wire.connection.resume_writing()
    await wire.settle()
    assert sent == [0, 1, 2]
