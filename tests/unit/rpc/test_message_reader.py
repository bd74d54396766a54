from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from plimsoll.errors import BodyTooSlow, MalformedBody, Overloaded
from plimsoll.rpc.message_reader import MessageReader


async def messages(*parts: bytes, after: float = 0) -> AsyncIterator[bytes]:
    await asyncio.sleep(after)
    for part in parts:
        yield part


async def test_the_message_of_a_call_is_read() -> None:
    reader = MessageReader(longest_seconds=10, most_slow=0)
    assert await reader.read(messages(b"abc")) == b"abc"
    assert await reader.read(messages(b"")) == b""


async def test_a_call_without_a_message_is_refused() -> None:
    with pytest.raises(MalformedBody, match="no message"):
        await MessageReader(longest_seconds=10, most_slow=1).read(messages())


async def test_a_message_that_does_not_come_is_refused() -> None:
    with pytest.raises(BodyTooSlow) as refused:
        await MessageReader(longest_seconds=0.01, most_slow=1).read(messages(b"abc", after=30))
    assert refused.value.expected == "all of it in 0.01 s"


async def test_few_messages_may_come_slowly_and_their_places_are_free_afterwards() -> None:
    reader = MessageReader(longest_seconds=10, most_slow=1)
    first, second = (asyncio.ensure_future(reader.read(messages(b"abc", after=0.6))) for _ in range(2))
    with pytest.raises(Overloaded) as refused:
        await second
    assert refused.value.expected == "at most 1 messages that arrive slowly"
    assert await first == b"abc"
    assert await reader.read(messages(b"abc", after=0.4)) == b"abc"


async def test_a_client_that_leaves_frees_its_place() -> None:
    reader = MessageReader(longest_seconds=10, most_slow=1)
    leaving = asyncio.ensure_future(reader.read(messages(b"abc", after=30)))
    await asyncio.sleep(0.4)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert await reader.read(messages(b"abc", after=0.4)) == b"abc"
