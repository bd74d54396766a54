"""What bodies that come, slowly or at once, hold of the bounds of a version."""

from __future__ import annotations

import asyncio

import pytest
from plimsoll.api.request_body import BodyReader
from plimsoll.errors import Overloaded, PlimsollError
from plimsoll.inference.admission import Admission, AdmissionLimits
from plimsoll.inference.call import Call
from plimsoll.inference.reading_pool import ReadingPool
from starlette.types import Message, Receive

from tests.doubles.bodies import AGES, JSON_FORMS, JSON_HEAD, LONGEST, piece


class Places:
    """What one version holds while bodies come that the test sends piece by piece."""

    def __init__(self, requests: int = 2, bytes_: int = 1000, reading: int = 3) -> None:
        self.admission = Admission(AdmissionLimits(requests, bytes_, reading), lambda _: 1)
        self._ended = asyncio.Event()

    def begin(self, whole: bytes | None = None) -> tuple[asyncio.Queue[Message], asyncio.Task[str]]:
        """A request that holds its place in flight until the end of the test; what is put into the queue arrives.

        With `whole` its body has come.
        """
        arriving: asyncio.Queue[Message] = asyncio.Queue()
        return arriving, asyncio.create_task(self._ask(arriving.get, whole))

    def finish(self) -> None:
        """Answer every request that is complete."""
        self._ended.set()

    @property
    def held(self) -> tuple[int, int, int]:
        """Bodies being read, requests in flight and bytes."""
        admission = self.admission
        return admission.bodies_being_read, admission.requests_in_flight, admission.bytes_in_flight

    async def _ask(self, receive: Receive, whole: bytes | None) -> str:
        call = Call(JSON_HEAD)
        call.whole_body = lambda: whole
        try:
            with self.admission.expect() as permit:
                await BodyReader(LONGEST, AGES, ReadingPool(0)).read(
                    call, receive, JSON_FORMS, permit, asyncio.get_running_loop().time() + AGES
                )
                await self._ended.wait()
                return "answered"
        except PlimsollError as error:
            return error.code


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_body_that_is_still_coming_takes_a_place_among_those_being_read_and_none_in_flight() -> None:
    places = Places()
    arriving, asking = places.begin()
    await settle()
    assert places.held == (1, 0, 0)
    arriving.put_nowait(piece(b"x" * 10))
    await settle()
    assert places.held == (1, 0, 10)
    arriving.put_nowait(piece(b"x", more=False))
    await settle()
    assert places.held == (0, 1, 11)
    places.finish()
    assert await asking == "answered"
    assert places.held == (0, 0, 0)


async def test_silent_clients_keep_nobody_out_whose_body_is_there() -> None:
    places = Places(requests=2, reading=3)
    silent = [places.begin() for _ in range(3)]
    await settle()
    assert places.held == (3, 0, 0)
    assert await places.begin()[1] == "overloaded", "a fourth one that sends nothing"
    quick = [places.begin(whole=b"{}") for _ in range(2)]
    await settle()
    assert places.held == (3, 2, 4)
    for arriving, _ in silent:
        arriving.put_nowait({"type": "http.disconnect"})
    assert [await asking for _, asking in silent] == ["client_gone"] * 3
    places.finish()
    assert [await asking for _, asking in quick] == ["answered"] * 2
    assert places.held == (0, 0, 0)


async def test_a_queue_that_is_full_when_the_body_is_complete_is_overloaded() -> None:
    places = Places(requests=1, reading=2)
    bodies = [places.begin() for _ in range(2)]
    await settle()
    for arriving, _ in bodies:
        arriving.put_nowait(piece(b"{}", more=False))
    assert await bodies[1][1] == "overloaded"
    assert places.held == (0, 1, 2)
    places.finish()
    assert await bodies[0][1] == "answered"


async def test_of_bodies_without_a_declared_length_only_what_has_come_counts() -> None:
    places = Places(requests=2, bytes_=100, reading=60)
    bodies = [places.begin() for _ in range(60)]
    await settle()
    for arriving, _ in bodies[:4]:
        arriving.put_nowait(piece(b"x" * 22))
    await settle()
    assert places.held == (60, 0, 88)
    bodies[4][0].put_nowait(piece(b"x" * 22))
    assert await bodies[4][1] == "overloaded"
    assert places.held == (59, 0, 88)
    for _, asking in bodies:
        asking.cancel()
    await asyncio.gather(*(asking for _, asking in bodies), return_exceptions=True)
    assert places.held == (0, 0, 0)


async def test_a_refusal_while_the_body_comes_says_how_much_there_is() -> None:
    with pytest.raises(Overloaded) as caught, Places(reading=0).admission.expect() as permit:
        permit.wait_for_body()
    assert caught.value.expected == "at most 0 bodies being read"
    assert caught.value.given == "0 bodies are being read"
