"""`BodyReader` and the clients that send too slowly."""

from __future__ import annotations

import asyncio

import pytest
from plimsoll.errors import BodyTooLarge, BodyTooSlow, DeadlineExceeded
from starlette.types import Message, Receive

from tests.doubles.bodies import LONGEST, piece, read


def dripping(*chunks: bytes, seconds: float = 0.0, then_silent: bool = True) -> Receive:
    """Brings one chunk after the other, each after some time, and then nothing more or the end."""
    left = list(chunks)

    async def receive() -> Message:
        await asyncio.sleep(seconds)
        if not left and then_silent:
            await asyncio.Event().wait()
        return piece(left.pop(0), more=bool(left) or then_silent)

    return receive


@pytest.mark.parametrize("chunks", [(), (b"{",), (b"x" * 1023,), (b"x" * 1024,), (b"x" * 1024, b"x")])
async def test_a_body_that_does_not_go_on_is_too_slow_long_before_its_deadline(chunks: tuple[bytes, ...]) -> None:
    with pytest.raises(BodyTooSlow) as caught:
        await read(dripping(*chunks), progress=0.01, longest=10_000)
    assert (caught.value.status, caught.value.code, caught.value.closes_connection) == (408, "body_too_slow", True)
    assert caught.value.expected == "1024 bytes or the end of the body in each 0.01 seconds"
    assert caught.value.given == f"{sum(map(len, chunks))} bytes in all"


async def test_a_body_of_drops_is_too_slow_although_it_never_pauses() -> None:
    with pytest.raises(BodyTooSlow):
        await read(dripping(*[b"x"] * 1000, seconds=0.001), progress=0.05, longest=10_000)


async def test_a_body_that_brings_a_kibibyte_each_time_may_take_as_long_as_its_deadline_allows() -> None:
    chunks = [b"x" * 1024] * 8
    body = await read(dripping(*chunks, seconds=0.05, then_silent=False), progress=0.3, longest=10_000)
    assert body == b"".join(chunks)


async def test_the_last_bytes_of_a_body_need_be_no_kibibyte() -> None:
    assert await read(dripping(b"{", b"}", seconds=0.001, then_silent=False), progress=5.0) == b"{}"


async def test_a_slow_body_that_is_too_long_already_is_told_so() -> None:
    with pytest.raises(BodyTooLarge):
        await read(dripping(b"x" * (LONGEST + 1)), progress=0.01)


async def test_a_late_body_closes_its_connection() -> None:
    with pytest.raises(DeadlineExceeded) as caught:
        await read(dripping(b"{"), seconds=0.01)
    assert caught.value.closes_connection
    assert not DeadlineExceeded("late").closes_connection
