"""The limits of a WebSocket: silence, half a message, unread answers, memory and the number of connections."""

from __future__ import annotations

import pytest
from plimsoll.server.connections import Connections
from websockets.frames import Frame

from tests.unit.server.client_frames import PING, PONG, close_of, frame
from tests.unit.server.talk import HANDSHAKE, SMALL, Talk, echo, wire_of


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


@pytest.mark.parametrize(
    "half",
    [frame(b"a" * 50_000)[:5000], frame(b"a" * 10, fin=False), frame(b"hello")[:3]],
    ids=["of a long frame", "without its end", "of a head"],
)
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
