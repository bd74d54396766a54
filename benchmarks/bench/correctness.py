"""Whether a server answers right: distinct rows, from many clients at once, each client always asking another row."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import uvloop
from numpy.typing import NDArray

from benchmarks.bench.contestant import TOLERANCE, Running
from benchmarks.bench.workloads import Rows
from benchmarks.client import Connection, request_bytes

_CLIENTS = 32
_TIMES = 4
_OK = 200


@dataclass(slots=True)
class Verdict:
    """How many were asked, how many got no answer, and how many a wrong one."""

    asked: int = 0
    failed: int = 0
    wrong: int = 0

    @property
    def right(self) -> bool:
        """Whether every row was answered, and rightly."""
        return self.asked > 0 and not self.failed and not self.wrong

    def __str__(self) -> str:
        return f"of {self.asked} rows {self.wrong} were answered wrongly and {self.failed} not at all"


def ask_all(running: Running, rows: Rows) -> Verdict:
    """Ask for every row several times over."""
    verdict = Verdict()
    address = running.address()
    wire, headers = running.wire, headers_of(running)
    requests = [request_bytes("POST", wire.path, wire.body(row), headers) for row in rows.rows]

    async def client(first: int) -> None:
        async with Connection(address) as connection:
            for turn in range(first, len(requests) * _TIMES, _CLIENTS):
                number = (turn * 7 + turn // len(requests)) % len(requests)
                answer = await connection.ask(requests[number])
                verdict.asked += 1
                if answer.status != _OK:
                    verdict.failed += 1
                elif not agrees(wire.read, answer.body, rows.expected[number], running.tolerance):
                    verdict.wrong += 1

    async def clients() -> None:
        await asyncio.gather(*(client(first) for first in range(_CLIENTS)))

    uvloop.run(clients())
    return verdict


def headers_of(running: Running) -> dict[str, str]:
    """The headers of a request beside those that every request has."""
    return {**running.headers, **running.wire.headers}


def agrees(
    read: Callable[[bytes], Sequence[float]],
    body: bytes,
    expected: NDArray[np.float32],
    tolerance: float = TOLERANCE,
) -> bool:
    """Whether a body holds these numbers; where they may differ much, the greatest is one of the greatest of these."""
    try:
        given = np.asarray(read(body), dtype=np.float64)
    except (ValueError, LookupError, TypeError, StopIteration):
        return False
    if given.shape != expected.shape or not bool(np.abs(given - expected).max() <= tolerance):
        return False
    return tolerance <= TOLERANCE or bool(expected[given.argmax()] >= expected.max() - tolerance)
