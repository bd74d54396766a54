"""How many connections there may be, and which of them are closed for being slow."""

from __future__ import annotations

import asyncio

import pytest
from plimsoll.server.connection_limits import ConnectionLimits
from plimsoll.server.connections import Connections
from starlette.types import Receive, Scope, Send

from tests.unit.eventually import eventually
from tests.unit.server.test_http_connection import GET, never, post
from tests.unit.server.wire import Echo, Wire


async def test_at_the_cap_the_one_that_has_been_idle_longest_makes_room() -> None:
    refused: list[str] = []
    connections = Connections(ConnectionLimits(connections=3), refused.append)
    old = [Wire(Echo(), connections=connections) for _ in range(3)]
    for wire, seconds in ((old[1], 10), (old[2], 10), (old[0], 10)):
        connections.now += seconds
        await wire.send(GET)
    newcomer = Wire(Echo(), connections=connections)
    await newcomer.settle()
    assert [wire.client.closed for wire in old] == [False, True, False]
    await newcomer.send(GET)
    assert newcomer.statuses == [200]
    assert (refused, len(connections)) == (["too_many_connections"], 3)


async def test_at_the_cap_many_newcomers_are_taken() -> None:
    connections = Connections(ConnectionLimits(connections=5))
    wires = []
    for _ in range(50):
        wires.append(Wire(Echo(), connections=connections))
        await wires[-1].settle()
    assert [wire.client.closed for wire in wires] == [True] * 45 + [False] * 5


async def test_where_none_is_idle_the_newcomer_is_closed_and_a_body_that_does_not_come_counts_as_idle() -> None:
    connections = Connections(ConnectionLimits(connections=2))
    busy = [Wire(never, connections=connections) for _ in range(2)]
    for wire in busy:
        await wire.send(GET)
    newcomer = Wire(Echo(), connections=connections)
    await newcomer.settle()
    assert [wire.client.closed for wire in (*busy, newcomer)] == [False, False, True]
    silent = Connections(ConnectionLimits(connections=2))
    waiting = [Wire(never, connections=silent) for _ in range(2)]
    for wire in reversed(waiting):
        await wire.send(post(b"hello")[:-1])
        silent.now += 5
    Wire(Echo(), connections=silent)
    assert [wire.client.closed for wire in waiting] == [False, True]


async def test_at_the_cap_those_that_are_closing_and_those_that_bring_hardly_anything_make_room() -> None:
    for sent in ((b"\0",), (post(b"a" * 5000)[:-4000], b"a" * 10), (post(b"a" * 5000)[:-4000], b"a" * 2000)):
        connections = Connections(ConnectionLimits(connections=2))
        connections.now += 1
        wires = [Wire(never, connections=connections) for _ in range(2)]
        await wires[0].send(GET)
        await wires[1].send(sent[0])
        for wire in wires:
            wire.connection.check(connections.now)
        connections.now += 1
        await wires[1].send(*sent[1:])
        newcomer = Wire(Echo(), connections=connections)
        assert (len(connections), newcomer.client.closed) == (2, len(sent[-1]) == 2000)
        await newcomer.settle()
        assert not wires[0].client.closed


async def test_where_all_are_busy_one_that_pipelines_makes_room() -> None:
    connections = Connections(ConnectionLimits(connections=2))
    wires = [Wire(never, connections=connections) for _ in range(2)]
    await wires[0].send(GET)
    await wires[1].send(GET * 2)
    newcomer = Wire(Echo(), connections=connections)
    await newcomer.settle()
    assert [wire.client.closed for wire in (*wires, newcomer)] == [False, True, False]


async def test_in_one_second_clients_that_were_answered_are_kept_and_strangers_make_room() -> None:
    connections = Connections(ConnectionLimits(connections=20))
    known = [Wire(Echo(), connections=connections) for _ in range(10)]
    for wire in known:
        await wire.send(GET)
    for _ in range(100):
        Wire(Echo(), connections=connections)
    assert not any(wire.client.closed for wire in known)


async def test_one_address_has_so_many_connections_and_another_gets_in() -> None:
    refused: list[str] = []
    connections = Connections(ConnectionLimits(connections_per_address=2), refused.append)
    first, second, third = (Wire(Echo(), connections=connections) for _ in range(3))
    other = Wire(Echo(), connections=connections, peer=("127.0.0.8", 1))
    assert [wire.client.closed for wire in (first, second, third, other)] == [False, False, True, False]
    assert refused == ["too_many_from_address"]
    first.connection.connection_lost(None)
    assert not Wire(Echo(), connections=connections).client.closed


LIMITS = ConnectionLimits(head_seconds=10, body_progress_seconds=10, write_seconds=30, keep_alive_seconds=65)


async def later(wire: Wire, seconds: float) -> Wire:
    """The same connection after so many seconds."""
    wire.connection.check(wire.connections.now + seconds)
    await wire.settle()
    return wire


@pytest.mark.parametrize(("sent", "answers"), [(b"", []), (b"GET / HT", [408]), (GET + b"GET /", [200, 408])])
async def test_a_head_has_ten_seconds(sent: bytes, answers: list[int]) -> None:
    wire = Wire(Echo(), LIMITS)
    await wire.send(sent)
    before = list(wire.statuses)
    assert (await later(wire, 9)).statuses == before
    assert not wire.over()
    await later(wire, 11)
    assert wire.statuses == answers
    assert wire.over()
    assert wire.refusals == ["head_too_slow"]


async def test_an_idle_connection_has_longer() -> None:
    wire = Wire(Echo(), LIMITS)
    await wire.send(GET)
    assert not (await later(wire, 64)).client.closed
    assert (await later(wire, 66)).client.closed
    assert wire.refusals == []


async def test_a_request_that_is_being_answered_has_as_long_as_it_takes() -> None:
    wire = Wire(never, LIMITS)
    await wire.send(GET)
    assert not (await later(wire, 100_000)).client.closed


@pytest.mark.parametrize("application", [never, Echo()])
async def test_a_body_that_does_not_come_ends_the_connection_whoever_waits_for_it(application: Echo) -> None:
    wire = Wire(application, LIMITS)
    await wire.send(post(b"a" * 5000)[:-4000])
    assert not (await later(wire, 24)).client.closed
    await wire.send(b"a" * 100)
    assert (await later(wire, 26)).client.closed
    assert wire.refusals == ["body_too_slow"]


async def test_a_body_that_nobody_takes_is_not_the_clients_fault() -> None:
    async def takes_nothing(_scope: Scope, _receive: Receive, _send: Send) -> None:
        await asyncio.Event().wait()

    wire = Wire(takes_nothing, LIMITS)
    await wire.send(post(b"a" * 200_000)[:90_000])
    assert wire.paused()
    assert not (await later(wire, 1000)).client.closed
    for task in wire.server.tasks:
        task.cancel()
    await wire.settle()


async def test_an_answer_that_nobody_reads_ends_the_connection_and_one_that_is_read_slowly_does_not() -> None:
    for left_bytes, closed in ((50_000, True), (49_500, True), (48_000, False), (0, False)):
        wire = Wire(Echo(), LIMITS)
        await wire.send(post(b"a" * 60_000))
        wire.client.unsent_bytes = 50_000
        await later(wire, 1)
        wire.client.unsent_bytes = left_bytes
        assert (await later(wire, 32)).client.closed is closed, left_bytes
        assert wire.refusals == (["answer_not_read"] if closed else [])


async def test_a_refused_client_that_goes_on_sending_is_cut_off_after_a_while() -> None:
    wire = Wire(Echo(), LIMITS)
    await wire.send(b"nonsense\r\n\r\n", *[b"x" * 60_000] * 10)
    assert (wire.client.ended, wire.client.closed) == (True, False)
    assert (await later(wire, 6)).client.closed
    quick = Wire(Echo(), LIMITS)
    await quick.send(b"nonsense\r\n\r\n", b"x" * 60_000)
    assert quick.paused(), "what is thrown away is read slowly"
    await eventually(lambda: not quick.paused())
    flood = Wire(Echo(), LIMITS)
    await flood.send(b"nonsense\r\n\r\n", *[b"x" * (1 << 20)] * 65)
    assert flood.client.closed


async def test_connections_are_looked_at_once_a_second_as_long_as_there_are_any() -> None:
    connections = Connections(ConnectionLimits(head_seconds=0.5))
    wire = Wire(Echo(), connections=connections)
    await eventually(lambda: wire.client.closed)
    await asyncio.sleep(1.1)
    assert len(connections) == 0
    assert len(asyncio.all_tasks()) == 1


async def test_a_client_has_at_least_its_time_though_it_is_looked_at_soon_after_it_was_heard() -> None:
    wire = Wire(Echo(), connections=Connections(ConnectionLimits(keep_alive_seconds=1)))
    await asyncio.sleep(0.9)
    await wire.send(GET)
    answered_at = asyncio.get_running_loop().time()
    await eventually(lambda: wire.client.closed)
    assert asyncio.get_running_loop().time() - answered_at >= 1


async def test_refusals_are_all_counted_and_few_of_them_logged(caplog: pytest.LogCaptureFixture) -> None:
    counted: list[str] = []
    connections = Connections(ConnectionLimits(), counted.append)
    for _ in range(20):
        connections.refused("head_too_slow", "127.0.0.9")
    connections.now += 11
    connections.refused("head_too_slow", "127.0.0.9")
    assert len(counted) == 21
    assert [record.getMessage() for record in caplog.records] == [
        "connection refused or closed: head_too_slow",
        "connection refused or closed: head_too_slow, and 19 more since the last such line",
    ]
