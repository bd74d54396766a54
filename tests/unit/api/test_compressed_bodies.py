"""Compressed bodies are inflated two at a time, in the time of their request, for a client that waits for them."""

from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest
from plimsoll.api.request_body import BodyForms, BodyReader
from plimsoll.errors import ClientGone, DeadlineExceeded, Overloaded
from plimsoll.inference.admission import Admission, AdmissionLimits
from plimsoll.inference.call import Call
from plimsoll.inference.reading_pool import ReadingPool
from plimsoll.inference.request_head import RequestHead
from starlette.types import Message

from tests.doubles.asgi import http_scope
from tests.doubles.bodies import piece
from tests.doubles.waiting_clients import AGES, deadline, never

BODY = b"0" * 10_000
CONTENT = gzip.compress(BODY)
FORMS = BodyForms(("application/json",), ("gzip",))
HEAD = RequestHead(
    http_scope("/v2/infer", "POST", {"content-type": "application/json", "content-encoding": "gzip"})["headers"]
)


class Client:
    """Sends a compressed body, and then stays until it leaves."""

    def __init__(self) -> None:
        self.leaves = asyncio.Event()
        self._sent = False

    async def receive(self) -> Message:
        """The body, and then the end of the connection."""
        if not self._sent:
            self._sent = True
            return piece(CONTENT, more=False)
        await self.leaves.wait()
        return {"type": "http.disconnect"}


class Busy(NamedTuple):
    """A pool both of whose threads are in use until `go`."""

    pool: ReadingPool
    go: threading.Event


@pytest.fixture
async def busy() -> AsyncIterator[Busy]:
    """Both threads wait."""
    pool, go = ReadingPool(0), threading.Event()
    waiting = [asyncio.create_task(pool.read(lambda: go.wait(AGES), deadline(), never)) for _ in range(2)]
    await asyncio.sleep(0)
    yield Busy(pool, go)
    go.set()
    await asyncio.gather(*waiting)
    pool.close()


def admission(longest: int = 1 << 20) -> Admission:
    return Admission(AdmissionLimits(requests=8, bytes=longest), lambda _: 1)


async def test_a_body_waits_for_one_of_the_two_threads_and_its_inflated_bytes_are_held(busy: Busy) -> None:
    held = admission()
    with held.expect() as permit:
        reading = asyncio.create_task(
            BodyReader(len(BODY), AGES, busy.pool).read(Call(HEAD), Client().receive, FORMS, permit, deadline())
        )
        await asyncio.sleep(0.02)
        assert not reading.done()
        assert (held.requests_in_flight, held.bytes_in_flight) == (1, len(CONTENT))
        busy.go.set()
        assert await reading == BODY
        assert held.bytes_in_flight == len(CONTENT) + len(BODY)
    assert held.bytes_in_flight == 0


async def test_a_body_that_waits_too_long_for_a_thread_is_late(busy: Busy) -> None:
    with admission().expect() as permit, pytest.raises(DeadlineExceeded, match="over before its body was read"):
        await BodyReader(len(BODY), AGES, busy.pool).read(Call(HEAD), Client().receive, FORMS, permit, deadline(0.02))


async def test_the_body_of_a_client_that_leaves_is_not_inflated(busy: Busy) -> None:
    client = Client()
    client.leaves.set()
    with admission().expect() as permit, pytest.raises(ClientGone):
        await BodyReader(len(BODY), AGES, busy.pool).read(Call(HEAD), client.receive, FORMS, permit, deadline())


async def test_more_inflated_bytes_than_a_version_may_hold_are_refused(busy: Busy) -> None:
    busy.go.set()
    held = admission(len(BODY))
    with held.admit(len(BODY) // 2), held.expect() as permit, pytest.raises(Overloaded):
        await BodyReader(len(BODY), AGES, busy.pool).read(Call(HEAD), Client().receive, FORMS, permit, deadline())
    assert held.bytes_in_flight == 0
