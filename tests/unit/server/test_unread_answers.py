"""Clients that ask for more than they read, and clients that say no more but still read."""

from __future__ import annotations

import asyncio

import pytest
from plimsoll.server.connection_limits import ConnectionLimits
from starlette.types import Receive, Scope, Send

from tests.unit.server.test_connections import LIMITS, later
from tests.unit.server.test_http_connection import GET, never, post
from tests.unit.server.wire import Echo, Wire


async def test_while_the_answers_are_not_read_no_further_request_is_begun() -> None:
    application = Echo()
    wire = Wire(application, ConnectionLimits(pipelined=3))
    await wire.send(GET)
    wire.connection.pause_writing()
    await wire.send(GET * 5)
    assert (len(application.asked), wire.paused()) == (1, True)
    wire.connection.resume_writing()
    await wire.settle()
    assert (len(application.asked), wire.paused()) == (6, False)


async def test_a_client_that_reads_slowly_and_asks_for_more_keeps_its_connection() -> None:
    wire = Wire(Echo(), LIMITS)
    await wire.send(post(b"a" * 60_000))
    wire.client.unsent_bytes = 50_000
    for _ in range(12):
        wire.connections.now += 10
        await wire.send(post(b"a" * 2000))  # as much is written as it has read
        assert not (await later(wire, 0)).client.closed
    assert (await later(wire, 31)).client.closed
    assert wire.refusals == ["answer_not_read"]


async def test_requests_that_wait_for_a_slow_reader_are_not_dropped_as_idle() -> None:
    application = Echo()
    wire = Wire(application, LIMITS)
    await wire.send(GET)
    wire.connection.pause_writing()
    await wire.send(GET)
    assert not (await later(wire, 100)).client.closed
    wire.connection.resume_writing()
    await wire.settle()
    assert len(application.asked) == 2


@pytest.mark.parametrize("writing_pauses", [False, True])
async def test_a_half_closed_client_gets_all_the_answers_that_it_has_asked_for(writing_pauses: bool) -> None:
    go_on = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await go_on.wait()
        await Echo()(scope, receive, send)

    wire = Wire(slow)
    await wire.send(GET * 3 + GET[:10])
    assert wire.connection.eof_received() is True
    if writing_pauses:
        wire.connection.pause_writing()
    go_on.set()
    await wire.settle()
    assert wire.statuses == [200] * (1 if writing_pauses else 3)
    wire.connection.resume_writing()
    await wire.settle()
    assert wire.statuses == [200] * 3
    assert wire.client.closed


async def test_the_end_of_a_client_whose_requests_wait_for_a_slow_reader_is_not_their_end() -> None:
    wire = Wire(Echo())
    await wire.send(GET)
    wire.connection.pause_writing()
    await wire.send(GET)
    assert wire.connection.eof_received() is True
    wire.connection.resume_writing()
    await wire.settle()
    assert wire.statuses == [200, 200]
    assert wire.client.closed


async def test_a_client_that_was_not_asked_for_its_body_is_not_kept() -> None:
    async def refuses(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})

    for fields, body, kept in (
        (b"Expect: 100-continue\r\n", b"", False),
        (b"", b"", True),
        (b"Expect: x\r\n", b"", True),
    ):
        wire = Wire(refuses)
        await wire.send(b"POST / HTTP/1.1\r\nHost: here\r\n%bContent-Length: 20\r\n\r\n%b" % (fields, body))
        assert wire.statuses == [401]
        assert wire.over() is not kept
        assert (b"connection: close" in wire.client.said) is not kept


async def test_a_client_that_did_not_wait_to_be_asked_is_not_asked() -> None:
    wire = Wire(Echo())
    head = b"POST / HTTP/1.1\r\nHost: here\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"
    await wire.send(head + b"ab", b"cd")
    assert wire.statuses == [200]
    assert not wire.over()


async def test_nobody_is_asked_for_a_body_once_the_answer_has_begun() -> None:
    async def answers_first(_scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        await receive()

    wire = Wire(answers_first)
    said = await wire.send(b"POST / HTTP/1.1\r\nHost: here\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
    assert wire.statuses == [200]
    assert said.endswith(b"1\r\na\r\n")
    wire.connection.connection_lost(None)
    await wire.settle()


async def test_an_empty_line_behind_a_request_does_not_begin_another() -> None:
    wire = Wire(Echo(), LIMITS)
    await wire.send(GET + b"\r\n")
    assert not (await later(wire, 64)).client.closed
    assert wire.refusals == []
    await wire.send(GET)
    assert wire.statuses == [200, 200]
    assert (await later(Wire(never, LIMITS), 11)).client.closed


async def test_of_small_chunks_so_many_are_taken_at_once_and_others_have_their_turn() -> None:
    application = Echo()
    wire = Wire(application)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while not application.asked:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.ensure_future(others())
    wire.connection.data_received(
        b"POST /b HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"5\r\nabcde\r\n" * 10_000
        + b"0\r\n\r\n"
        + GET
    )
    assert wire.paused()
    await counting
    await wire.settle()
    assert turns > 8
    assert [body for _, _, body in application.asked] == [b"abcde" * 10_000, b""]
    assert (wire.statuses, wire.paused()) == ([200, 200], False)
