"""Tests writing to a client, and waiting while the client does not read."""

from __future__ import annotations

import asyncio

from plimsoll.server.answer_writer import AnswerWriter

from tests.unit.server.wire import Recorder


async def test_what_is_written_is_sent_and_counted() -> None:
    transport = Recorder()
    writer = AnswerWriter(transport)
    for part in (b"abc", b"", b"de"):
        writer.write(part)
    assert (transport.said, writer.written_bytes) == (b"abcde", 5)
    transport.unsent_bytes = 3
    assert writer.unread_bytes == 3


async def test_what_is_kept_is_written_before_all_else() -> None:
    transport = Recorder()
    writer = AnswerWriter(transport)
    writer.keep(b"ab")
    writer.keep(b"c")
    assert (transport.writes, writer.written_bytes) == ([], 0)
    writer.write(b"de")
    writer.flush()
    assert (transport.writes, writer.written_bytes) == ([b"abcde"], 5)
    writer.keep(b"f")
    writer.abort()
    assert transport.said == b"abcdef"


async def test_nothing_is_written_to_a_connection_that_has_ended() -> None:
    transport = Recorder()
    writer = AnswerWriter(transport)
    writer.keep(b"abc")
    writer.forget()
    writer.flush()
    assert transport.writes == []


async def test_who_writes_waits_until_the_client_has_read() -> None:
    writer = AnswerWriter(Recorder())
    async with asyncio.timeout(5):
        await writer.released()  # nobody waits where nothing is paused
    writer.pause()
    writer.pause()  # the transport may say so again
    waiting = [asyncio.create_task(writer.released()) for _ in range(3)]
    await asyncio.sleep(0)
    assert writer.paused
    assert not any(task.done() for task in waiting)
    writer.release()
    async with asyncio.timeout(5):
        await asyncio.gather(*waiting)
    assert not writer.paused


async def test_an_abort_closes_the_connection() -> None:
    transport = Recorder()
    AnswerWriter(transport).abort()
    assert transport.closed
