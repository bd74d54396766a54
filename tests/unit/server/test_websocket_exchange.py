"""A WebSocket over a connection without a socket: handshake, messages, back-pressure, time limits and the end."""

from __future__ import annotations

import asyncio

import pytest
from plimsoll.inference.call import CLIENT_GONE
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send
from websockets.frames import Close, Frame, Opcode

from tests.unit.server.client_frames import CLOSE, CONT, PING, PONG, close_of, frame
from tests.unit.server.talk import HANDSHAKE, Talk, echo, wire_of
from tests.unit.server.wire import Echo


async def test_a_handshake_is_accepted_and_messages_go_both_ways() -> None:
    talk = Talk(echo)
    wire = wire_of(talk)
    said = await wire.send(HANDSHAKE, frame(b"one") + frame("zwölf".encode()), frame(b"\x01", Opcode.BINARY))
    head, _, rest = said.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 Switching Protocols\r\ndate: ")
    assert b"\r\nx-ours: 1" in head
    assert rest == b"".join(Frame(Opcode.TEXT, text.encode()).serialize(mask=False) for text in ("one", "zwölf", "?"))
    assert talk.received[2] == {"type": "websocket.receive", "bytes": b"\x01"}
    scope = talk.scope
    assert (scope["type"], scope["scheme"], scope["path"], scope["subprotocols"]) == ("websocket", "ws", "/talk", [])
    assert "method" not in scope
    assert "websocket.http.response" in scope["extensions"]


async def test_frames_that_come_with_the_handshake_are_read() -> None:
    talk = Talk()
    await wire_of(talk).send(HANDSHAKE + frame(b"early"))
    assert talk.texts == ["early"]


async def test_elsewhere_an_upgrade_is_ignored() -> None:
    application = Echo()
    wire = wire_of(application)
    await wire.send(HANDSHAKE.replace(b"/talk", b"/else"), HANDSHAKE.replace(b": 13", b": 8"))
    assert [(method, path) for method, path, _ in application.asked] == [("GET", "/else"), ("GET", "/talk")]
    assert wire.statuses == [200, 200]


async def test_a_refusal_is_an_http_answer_and_nothing_behind_it_is_a_request() -> None:
    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        await JSONResponse({"no": 1}, 401)(scope, receive, send)

    wire = wire_of(refuse)
    said = await wire.send(HANDSHAKE + b"GET /talk HTTP/1.1\r\nHost: here\r\n\r\n")
    assert wire.statuses == [401]
    assert b"connection: close\r\n" in said
    assert said.endswith(b'{"no":1}')
    assert wire.over()


async def test_a_close_before_the_accept_is_403() -> None:
    async def close(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "websocket.close"})

    wire = wire_of(close)
    await wire.send(HANDSHAKE)
    assert wire.statuses == [403]


async def test_the_application_closes_with_code_and_reason() -> None:
    talk = Talk(lambda _: {"type": "websocket.close", "code": 1001, "reason": "going"})
    wire = wire_of(talk)
    said = await wire.send(HANDSHAKE, frame(b"one"))
    assert close_of(said) == Close(1001, "going")
    assert wire.client.ended, "the client is told the end"
    assert talk.received[-1] == {"type": "websocket.disconnect", "code": 1001}
    await wire.send(frame(Close(1001, "").serialize(), CLOSE))
    assert wire.server.connections == set()


async def test_a_client_that_closes_is_answered_and_the_application_told() -> None:
    talk = Talk()
    wire = wire_of(talk)
    said = await wire.send(HANDSHAKE, frame(b"one"), frame(Close(1000, "").serialize(), CLOSE))
    assert close_of(said).code == 1000
    assert talk.received[-1] == {"type": "websocket.disconnect", "code": 1000}
    assert wire.over()


async def test_a_client_that_vanishes_is_noticed_also_while_nothing_is_received() -> None:
    gone = asyncio.Event()

    async def deaf(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await scope["extensions"][CLIENT_GONE]()
        gone.set()
        assert (await receive())["type"] == "websocket.disconnect"
        await send({"type": "websocket.send", "text": "to nobody"})

    wire = wire_of(deaf)
    await wire.send(HANDSHAKE, frame(b"one"))
    wire.client.close()
    await wire.settle()
    assert gone.is_set()


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\n\r\n", b"\x81\x05hello", b"\xff" * 40])
async def test_garbage_ends_the_session_with_1002(garbage: bytes) -> None:
    talk = Talk()
    wire = wire_of(talk)
    said = await wire.send(HANDSHAKE, frame(b"one"), garbage)
    assert close_of(said).code == 1002
    assert talk.texts == ["one"]
    assert wire.over()


async def test_a_message_over_the_cap_ends_the_session_with_1009() -> None:
    wire = wire_of(Talk())
    said = await wire.send(HANDSHAKE, frame(b"a" * 200_001)[:100])
    assert close_of(said).code == 1009


async def test_nothing_more_is_read_while_the_application_receives_nothing() -> None:
    talk = Talk()
    talk.may_receive.clear()
    wire = wire_of(talk)
    await wire.send(HANDSHAKE, frame(b"a" * 50_000))
    assert not wire.paused()
    await wire.send(frame(b"b" * 50_000))
    assert wire.paused()
    talk.may_receive.set()
    await wire.settle()
    assert [len(text) for text in talk.texts] == [50_000, 50_000]
    assert not wire.paused()


async def test_nothing_is_answered_and_no_ping_is_ponged_while_the_client_does_not_read() -> None:
    talk = Talk(echo)
    wire = wire_of(talk)
    await wire.send(HANDSHAKE)
    wire.connection.pause_writing()
    before = wire.client.said
    await wire.send(frame(b"one"), frame(b"", PING) * 1000)
    assert wire.client.said == before
    assert talk.texts == []
    wire.connection.resume_writing()
    await wire.settle()
    assert talk.texts == ["one"]
    assert wire.client.said.count(Frame(PONG, b"").serialize(mask=False)) == 1000


async def test_answers_wait_for_a_client_that_reads_slowly_also_where_several_do() -> None:
    async def many(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        wire.connection.pause_writing()

        async def say() -> None:
            await send({"type": "websocket.send", "text": "x" * 1000})
            wire.connection.pause_writing()  # as a transport does that is full again

        await asyncio.gather(*(say() for _ in range(8)))

    wire = wire_of(many)
    await wire.send(HANDSHAKE)
    sent = [wire.client.said.count(b"x" * 1000)]
    for _ in range(3):
        wire.connection.resume_writing()
        await wire.settle()
        sent.append(wire.client.said.count(b"x" * 1000))
    assert sent == [0, 1, 2, 3]


async def test_fragments_and_pings_between_them() -> None:
    talk = Talk()
    await wire_of(talk).send(HANDSHAKE, frame(b"on", fin=False) + frame(b"", PING), frame(b"e", CONT))
    assert talk.texts == ["one"]
