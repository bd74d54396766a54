"""Requests at random times, whatever comes back, by a client that does little else than write and read.

`python -m benchmarks.bench.random_arrivals HOST PORT REQUEST RATE SECONDS CONNECTIONS` sends the bytes of the file
REQUEST in Poisson arrivals, pinned to the load generator's core, and writes one line of JSON (`Outcome`). A timer of a
millisecond sends what has become due, so that it can offer several times what a server answers.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import cast

import uvloop

from benchmarks.client import Address
from benchmarks.open_loop import BROKEN, Outcome, Sample, outcome, poisson
from benchmarks.wrk import CORE

_TICK_SECONDS = 0.001
_PATIENCE_TICKS = 5000
_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class _Connection(asyncio.Protocol):
    """One connection, with one request in flight at most."""

    def __init__(self, load: RandomArrivals) -> None:
        self._load = load
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._due = self._lag = 0.0
        self.busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be ready for a request."""
        self._transport = cast("asyncio.Transport", transport)

    def send(self, request: bytes, due: float, lag: float) -> None:
        """Write a request that was due then, and begun so much later."""
        assert self._transport is not None  # noqa: S101  # only what is connected is asked
        self.busy, self._due, self._lag = True, due, lag
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Read an answer; the last of its bytes ends the request."""
        data = self._received + data if self._received else data
        end = data.find(_HEAD_END)
        length = _LENGTH.search(data, 0, end) if end >= 0 else None
        if length is None or len(data) < end + len(_HEAD_END) + int(length[1]):
            self._received = data
            return
        self._received = b""
        self._end(int(data[9:12]))
        self._load.is_free(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Count a request that was in flight as broken, and have another connection opened."""
        del exc
        if self.busy:
            self._end(BROKEN)
        self._load.is_lost(self)

    def unanswered(self) -> Sample:
        """What is written down of a request that nobody waits for any longer."""
        return Sample(self._lag, float("inf"), BROKEN)

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.abort()

    def _end(self, status: int) -> None:
        self.busy = False
        self._load.samples.append(Sample(self._lag, time.perf_counter() - self._due, status))


class RandomArrivals:
    """Sends a request at given times over a fixed number of connections; it waits for one where all are in use."""

    def __init__(self, address: Address, request: bytes, connections: int) -> None:
        self._address = address
        self._request = request
        self._wanted = connections
        self._all: set[_Connection] = set()
        self._idle: list[_Connection] = []
        self._waiting: deque[tuple[float, float]] = deque()
        self._opening: set[asyncio.Task[None]] = set()
        self._over = False
        self.samples: list[Sample] = []

    async def run(self, offsets: Iterator[float]) -> None:
        """Send at these times, and wait a while for the answers."""
        await asyncio.gather(*(self._open() for _ in range(self._wanted)))
        started = time.perf_counter()
        following = next(offsets, None)
        while following is not None:
            now = time.perf_counter() - started
            while following is not None and following <= now:
                self._begin(started + following)
                following = next(offsets, None)
            await asyncio.sleep(_TICK_SECONDS)
        for _ in range(_PATIENCE_TICKS):
            if not self._waiting and not any(each.busy for each in self._all):
                break
            await asyncio.sleep(_TICK_SECONDS)
        self._over = True
        self._write_off()

    def is_free(self, connection: _Connection) -> None:
        """Give a connection its next request, or keep it for one."""
        if self._waiting:
            connection.send(self._request, *self._waiting.popleft())
        else:
            self._idle.append(connection)

    def is_lost(self, connection: _Connection) -> None:
        """Open another in place of a connection that a server has closed."""
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if not self._over:
            task = asyncio.get_running_loop().create_task(self._open())
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    def _begin(self, due: float) -> None:
        lag = time.perf_counter() - due
        if self._idle:
            self._idle.pop().send(self._request, due, lag)
        else:
            self._waiting.append((due, lag))

    async def _open(self) -> None:
        try:
            _, connection = await asyncio.get_running_loop().create_connection(
                lambda: _Connection(self), *self._address
            )
        except OSError:
            return  # there is one less; its requests wait for the others
        if self._over:
            connection.close()  # it was to take the place of one that the server closed
            return
        self._all.add(connection)
        self.is_free(connection)

    def _write_off(self) -> None:
        """Count what was never answered or never sent, and hang up."""
        self.samples += (Sample(lag, float("inf"), BROKEN) for _, lag in self._waiting)
        for connection in list(self._all):
            if connection.busy:
                connection.busy = False
                self.samples.append(connection.unanswered())
            connection.close()


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
