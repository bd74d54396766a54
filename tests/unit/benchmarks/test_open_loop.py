"""Requests at a constant rate: when they are due, and what is made of their answers."""

from __future__ import annotations

import asyncio
import contextlib
import statistics
from itertools import pairwise

import pytest

from benchmarks.client import Address, request_bytes
from benchmarks.open_loop import BROKEN, OpenLoop, Sample, outcome, poisson, schedule
from tests.unit.eventually import eventually

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


def test_requests_are_due_evenly_and_no_error_adds_up() -> None:
    due = list(schedule(3, 1000))
    assert len(due) == 3000
    assert due[:2] == [0, 1 / 3]
    assert due[-1] == pytest.approx(2999 / 3, abs=1e-12)


def test_random_requests_come_at_the_rate_and_the_same_ones_again() -> None:
    due = list(poisson(1000, 20))
    assert due == list(poisson(1000, 20))
    assert due == sorted(due)
    assert len(due) == pytest.approx(20_000, rel=0.03)
    gaps = [later - earlier for earlier, later in pairwise(due)]
    assert statistics.pstdev(gaps) == pytest.approx(statistics.mean(gaps), rel=0.05)


def test_what_came_within_a_second_is_counted_and_refusals_do_not_count_among_the_answered() -> None:
    samples = [Sample(0, 0.5, 200)] * 8 + [Sample(0, 1.5, 200)] + [Sample(0, 0.001, 429)]
    found = outcome(samples, 0.1)
    assert (found.within_second, found.answered_p99_ms, found.p99_ms) == (8, 1500, None)
    assert outcome(samples[-1:], 0.1).answered_p99_ms is None


def test_latency_counts_from_when_a_request_was_due_and_an_unanswered_one_never_ends() -> None:
    answered = [Sample(0.001, 0.010, 200)] * 96
    refused, lost = [Sample(0, 0.001, 429)], [Sample(0, float("inf"), BROKEN)] * 3
    found = outcome([*answered, *refused, *lost], 0.25)
    assert (found.sent, found.failures, found.unanswered) == (100, 1, 3)
    assert (found.p50_ms, found.p95_ms, found.p99_ms) == (10, 10, None)
    assert found.lag_p99_ms == 1


async def served(connections: int, extra: int | None, patience: float | None, *, silent: bool) -> tuple[OpenLoop, int]:
    """What came of ten requests to a server that answers all or none, and how many connections it saw."""
    seen = open_now = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal seen, open_now
        seen += 1
        open_now += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while await reader.readuntil(b"\r\n\r\n{}"):
                if not silent:
                    writer.write(ANSWER)
        writer.close()
        await writer.wait_closed()
        open_now -= 1

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    load = OpenLoop(
        Address("127.0.0.1", server.sockets[0].getsockname()[1]), request_bytes("POST", "/", b"{}"), connections, extra
    )
    await load.run(1000, 0.01, patience)
    server.close()
    await eventually(lambda: open_now == 0)
    return load, seen


async def test_every_request_of_the_schedule_is_sent_and_answered() -> None:
    load, _ = await served(2, 0, None, silent=False)
    assert [sample.status for sample in load.samples] == [200] * 10


async def test_beyond_its_connections_a_request_waits_and_is_counted_as_unanswered() -> None:
    load, seen = await served(2, 0, 0.05, silent=True)
    assert seen == 2
    assert outcome(load.samples, 0).unanswered == 10


async def test_without_a_bound_every_request_gets_a_connection() -> None:
    _, seen = await served(2, None, 2, silent=True)
    assert seen == 10
