"""When nothing more is read from a client."""

from __future__ import annotations

import asyncio

from plimsoll.server.connection_limits import ConnectionLimits
from plimsoll.server.reading_pause import MOST_WAITING_BYTES, ReadingPause, holds_enough
from plimsoll.server.request_parser import RequestParser

from tests.unit.server.wire import Recorder

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def parser_with(waiting: bytes) -> RequestParser:
    parser = RequestParser(ConnectionLimits())
    parser.receive(waiting)
    return parser


async def test_a_pause_ends_once() -> None:
    client = Recorder(asyncio.Protocol())
    pause = ReadingPause(client)
    assert not pause.end()
    pause.begin()
    pause.begin()
    assert (client.paused, pause.paused) == (True, True)
    assert pause.end()
    assert (client.paused, pause.paused) == (False, False)


def test_an_idle_client_is_read_whatever_waits() -> None:
    assert not holds_enough(None, parser_with(GET * 100), 16, unread=False)


def test_a_client_that_does_not_read_may_send_a_few_requests_ahead() -> None:
    assert not holds_enough(None, parser_with(GET * 15), 16, unread=True)
    assert holds_enough(None, parser_with(GET * 16), 16, unread=True)
    assert holds_enough(None, parser_with(b"x" * (MOST_WAITING_BYTES + 1)), 16, unread=True)
