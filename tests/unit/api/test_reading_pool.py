"""Long bodies are parsed away from the event loop, and whoever waits for that holds a place in flight."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from plimsoll.errors import ClientGone, DeadlineExceeded, InvalidInput
from plimsoll.inference.reading_pool import ReadingPool
from plimsoll.tasks.number_rows import NumberRows, RowReader

from tests.doubles.models import EchoModel, flat_signature
from tests.doubles.waiting_clients import AGES, at_once, deadline, never
from tests.unit.api.conftest import INLINE_BODY_BYTES, Edge
from tests.unit.eventually import eventually

SIGNATURE = flat_signature(2)
BODY = b'{"features": [0.25, 0.75]}'
LONG = BODY + b" " * INLINE_BODY_BYTES


class SlowReader:
    """Reads when the test says so; remembers on which threads."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go = threading.Event()
        self.threads: list[str] = []
        self._read = RowReader.read

        def read_slowly(reader: RowReader, body: bytes) -> NumberRows:
            self.threads.append(threading.current_thread().name)
            assert self.go.wait(AGES)
            return self._read(reader, body)

        monkeypatch.setattr(RowReader, "read", read_slowly)


def question(body: bytes = BODY) -> Callable[[], NumberRows]:
    return partial(RowReader(SIGNATURE).read, body)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowReader]:
    """Every parse waits, also on the event loop."""
    parser = SlowReader(monkeypatch)
    yield parser
    parser.go.set()


@pytest.fixture
def pool() -> Iterator[ReadingPool]:
    """A pool that takes everything."""
    made = ReadingPool(0)
    yield made
    made.close()


@pytest.mark.parametrize(("body", "threads"), [(BODY, "MainThread"), (LONG, "reading_")])
async def test_a_long_body_is_parsed_elsewhere_and_a_short_one_at_once(
    edge: Edge, slow: SlowReader, body: bytes, threads: str
) -> None:
    slow.go.set()
    edge.serve("echo", "1", EchoModel())
    reply = await edge.client.post("/v1/predict", content=body, headers={"content-type": "application/json"})
    assert reply.json()["predictions"][0]["probabilities"] == [0.25, 0.75]
    assert [name.startswith(threads) for name in slow.threads] == [True]


async def test_the_event_loop_answers_while_bodies_are_parsed_and_they_count_as_in_flight(
    edge: Edge, slow: SlowReader
) -> None:
    lane = edge.serve("echo", "1", EchoModel())
    asking = [
        asyncio.create_task(edge.client.post("/v1/predict", content=LONG, headers={"content-type": "application/json"}))
        for _ in range(lane.limits.admission.requests)
    ]
    await eventually(lambda: lane.admission.requests_in_flight == lane.limits.admission.requests)
    await eventually(lambda: len(slow.threads) == 2)
    assert (await edge.client.get("/livez")).status_code == 200
    refused = await edge.client.post("/v1/predict", content=BODY, headers={"content-type": "application/json"})
    assert refused.status_code == 429
    assert len(slow.threads) == 2, "two threads, and the others wait"
    slow.go.set()
    assert {(await each).status_code for each in asking} == {200}
    assert (lane.admission.requests_in_flight, lane.admission.bytes_in_flight) == (0, 0)


async def test_what_is_wrong_with_a_long_body_is_told(edge: Edge) -> None:
    edge.serve("echo", "1", EchoModel())
    body = b'{"features": [0.25]}' + b" " * INLINE_BODY_BYTES
    reply = await edge.client.post("/v1/predict", content=body, headers={"content-type": "application/json"})
    assert (reply.status_code, reply.json()["error"]["expected"]) == (422, "2 numbers")


async def test_a_body_that_waits_too_long_for_a_thread_is_late(pool: ReadingPool, slow: SlowReader) -> None:
    with pytest.raises(DeadlineExceeded):
        await pool.read(question(), deadline(0.01), never)
    slow.go.set()


async def test_the_body_of_a_client_that_leaves_is_not_parsed_any_more(pool: ReadingPool, slow: SlowReader) -> None:
    held = [asyncio.create_task(pool.read(question(), deadline(), never)) for _ in range(2)]
    await eventually(lambda: len(slow.threads) == 2)
    with pytest.raises(ClientGone):
        await pool.read(question(), deadline(), at_once)
    leaving = asyncio.create_task(pool.read(question(), deadline(), never))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    slow.go.set()
    await asyncio.gather(*held)
    assert len(slow.threads) == 2, "neither of the two was parsed"


async def test_a_closed_pool_ends_its_threads(pool: ReadingPool) -> None:
    def parsing() -> list[str]:
        return [each.name for each in threading.enumerate() if each.name.startswith("reading")]

    with pytest.raises(InvalidInput):
        await pool.read(question(b"[]"), deadline(), never)
    before = len(parsing())
    assert before
    pool.close()
    await eventually(lambda: len(parsing()) < before)
