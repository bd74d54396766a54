"""Requests at random times, whatever comes back, by a client that does little else than write and read.

`python -m benchmarks.bench.random_arrivals HOST PORT REQUEST RATE SECONDS CONNECTIONS` sends the bytes of the file
REQUEST in Poisson arrivals, pinned to the load generator's core, and writes one line of JSON (`Outcome`). A timer of a
millisecond sends what has become due, so that it can offer several times what a server answers.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import uvloop

from benchmarks.bench.connection_pool import ConnectionPool
from benchmarks.client import Address
from benchmarks.open_loop import BROKEN, Outcome, Sample, outcome, poisson
from benchmarks.wrk import CORE

_TICK_SECONDS = 0.001
_PATIENCE_TICKS = 5000


class _Asked(NamedTuple):
    """A request: when it was due, by the clock of `time.perf_counter`, and how much later it was begun; seconds."""

    due: float
    lag: float


class RandomArrivals:
    """Sends a request at given times over a fixed number of connections; it waits for one where all are in use."""

    def __init__(self, address: Address, request: bytes, connections: int) -> None:
        self._pool: ConnectionPool[_Asked] = ConnectionPool(address, request, connections, self._ended)
        self.samples: list[Sample] = []

    async def run(self, offsets: Iterator[float]) -> None:
        """Send at these times, and wait a while for the answers."""
        await self._pool.open()
        started = time.perf_counter()
        following = next(offsets, None)
        while following is not None:
            now = time.perf_counter() - started
            while following is not None and following <= now:
                due = started + following
                self._pool.send(_Asked(due, time.perf_counter() - due))
                following = next(offsets, None)
            await asyncio.sleep(_TICK_SECONDS)
        for _ in range(_PATIENCE_TICKS):
            if self._pool.has_ended:
                break
            await asyncio.sleep(_TICK_SECONDS)
        self.samples += (Sample(asked.lag, float("inf"), BROKEN) for asked in self._pool.close())

    def _ended(self, asked: _Asked, status: int) -> None:
        self.samples.append(Sample(asked.lag, time.perf_counter() - asked.due, status))


def offer(address: Address, request: bytes, offsets: Iterator[float], connections: int) -> Outcome:
    """What came of requests at these times, and how much of a core they took here."""
    load = RandomArrivals(address, request, connections)
    started, before = time.perf_counter(), time.process_time()
    uvloop.run(load.run(offsets))
    share = (time.process_time() - before) / (time.perf_counter() - started)
    return outcome(load.samples, share)


def main(arguments: list[str]) -> None:
    """Send, and write down what came of it."""
    host, port, request, rate, seconds, connections = arguments
    os.sched_setaffinity(0, [int(CORE)])
    found = offer(
        Address(host, int(port)), Path(request).read_bytes(), poisson(float(rate), float(seconds)), int(connections)
    )
    sys.stdout.write(json.dumps(asdict(found)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
