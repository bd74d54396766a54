"""A WebSocket over a connection without a socket: handshake, messages, back-pressure, time limits and the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from plimsoll.api.session_route import CLIENT_GONE
from plimsoll.server.connection_limits import ConnectionLimits
from plimsoll.server.connections import Connections
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from websockets.frames import Close, Frame, Opcode

from tests.unit.server.client_frames import CLOSE, CONT, PING, PONG, close_of, frame
from tests.unit.server.wire import Echo, Wire

HANDSHAKE = (
    b"GET /talk HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
SMALL = ConnectionLimits(message_bytes=200_000, all_message_bytes=250_000, keep_alive_seconds=30.0, write_seconds=5.0)


class Talk:
    """Accepts, and keeps what it received; answers as `answer` says."""

    def __init__(self, answer: Callable[[Message], Message | None] = lambda _: None) -> None:
        self.received: list[Message] = []
        self.scope: Scope = {}
        self.may_receive = asyncio.Event()
        self.may_receive.set()
        self.sent = 0
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        assert await receive() == {"type": "websocket.connect"}
        await send({"type": "websocket.accept", "headers": [(b"x-ours", b"1")]})
        while True:
            await self.may_receive.wait()
            message = await receive()
            self.received.append(message)
            if message["type"] == "websocket.disconnect":
                return
            if (answer := self._answer(message)) is not None:
                await send(answer)
                self.sent += 1

    @property
    def texts(self) -> list[str]:
        return [message["text"] for message in self.received if "text" in message]


def wire_of(talk: ASGIApp, limits: ConnectionLimits = SMALL, connections: Connections | None = None) -> Wire:
    refused: list[str] = []
    if connections is None:
        connections = Connections(limits, refused.append, lambda target: target == b"/talk")
    wire = Wire(talk, connections=connections)
    wire.refusals = refused
    return wire


def echo(message: Message) -> Message:
    return {"type": "websocket.send", "text": message.get("text", "?")}


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


async def test_a_silent_client_is_pinged_and_then_given_up() -> None:
    wire = wire_of(Talk())
    await wire.send(HANDSHAKE)
    now = wire.connections.now
    ping = Frame(PING, b"").serialize(mask=False)
    for second in range(31):
        wire.connection.check(now + second)
    assert wire.client.said.count(ping) == 1
    assert not wire.over()
    wire.connections.now = now + 20
    await wire.send(frame(b"", PONG))
    wire.connection.check(now + 45)
    assert not wire.over()
    wire.connection.check(now + 51)
    assert wire.client.closed
    assert wire.refusals == ["websocket_silent"]


@pytest.mark.parametrize("half", [frame(b"a" * 50_000)[:5000], frame(b"a" * 10, fin=False), frame(b"hello")[:3]])
async def test_half_a_message_has_to_go_on(half: bytes) -> None:
    wire = wire_of(Talk())
    await wire.send(HANDSHAKE, half)
    now = wire.connections.now
    for second in range(1, 20):
        wire.connections.now = now + second
        wire.connection.check(now + second)
    assert not wire.over()
    for second in range(20, 45):
        wire.connections.now = now + second
        if second % 10 == 0:
            await wire.send(b"a")
        wire.connection.check(now + second)
    assert wire.client.closed
    assert wire.refusals == ["body_too_slow"]


async def test_a_client_that_reads_nothing_is_closed() -> None:
    wire = wire_of(Talk(echo))
    await wire.send(HANDSHAKE, frame(b"one"))
    wire.client.unsent_bytes = 500
    now = wire.connections.now
    for second in range(7):
        wire.connection.check(now + second)
    assert wire.refusals == ["answer_not_read"]


async def test_halves_of_long_messages_share_a_bound_over_all_connections() -> None:
    talks = [Talk(), Talk(), Talk()]
    refused: list[str] = []
    connections = Connections(SMALL, refused.append, lambda _: True)
    wires = [wire_of(talk, connections=connections) for talk in talks]
    half = frame(b"a" * 150_000)[:140_000]
    said = [await wire.send(HANDSHAKE, half) for wire in wires[:2]]
    assert close_of(said[1]).code == 1013
    assert connections.message_bytes == 140_000
    wires[0].client.close()
    await wires[0].settle()
    assert connections.message_bytes == 0
    await wires[2].send(HANDSHAKE, frame(b"a" * 150_000))
    assert [len(text) for text in talks[2].texts] == [150_000]
    assert connections.message_bytes == 0


async def test_an_idle_session_makes_room_for_a_newcomer_and_a_busy_one_does_not() -> None:
    talk = Talk(echo)
    wire = wire_of(talk)
    await wire.send(HANDSHAKE)
    assert wire.connection.waiting_since is not None
    await wire.send(frame(b"one"))
    assert wire.connection.waiting_since is not None
    silent = Talk()
    busy = wire_of(silent)
    await busy.send(HANDSHAKE, frame(b"one"))
    assert busy.connection.waiting_since is None


async def test_fragments_and_pings_between_them() -> None:
    talk = Talk()
    await wire_of(talk).send(HANDSHAKE, frame(b"on", fin=False) + frame(b"", PING), frame(b"e", CONT))
    assert talk.texts == ["one"]
