"""After the last answer a client that is still sending is read for a while, not fast, and not for ever."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from plimsoll.server.lingering import Lingering

from tests.doubles.fake_time import FakeTimeLoop
from tests.unit.server.wire import Recorder

MEBIBYTE = 1 << 20


@pytest.fixture
def loop() -> Iterator[FakeTimeLoop]:
    made = FakeTimeLoop()
    yield made
    made.close()


def test_between_two_reads_there_is_a_pause(loop: FakeTimeLoop) -> None:
    transport = Recorder()
    Lingering(transport, loop, loop.time()).throw_away(1000)
    assert transport.paused
    loop.advance(0.01)
    assert not transport.paused


def test_a_connection_that_was_closed_meanwhile_is_not_read_again(loop: FakeTimeLoop) -> None:
    transport = Recorder()
    Lingering(transport, loop, loop.time()).throw_away(1000)
    transport.closed = True
    loop.advance(0.01)
    assert transport.paused


def test_a_client_that_sends_more_than_64_mib_is_cut_off(loop: FakeTimeLoop) -> None:
    transport = Recorder()
    lingering = Lingering(transport, loop, loop.time())
    for _ in range(64):
        lingering.throw_away(MEBIBYTE)
    assert not transport.closed
    lingering.throw_away(1)
    assert transport.closed


def test_a_client_has_five_seconds(loop: FakeTimeLoop) -> None:
    lingering = Lingering(Recorder(), loop, now=100)
    assert not lingering.is_over(105)
    assert lingering.is_over(105.1)
