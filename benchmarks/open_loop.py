"""Requests at a constant rate, whatever comes back, over connections that are kept; and what came of requests."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.client import Address, Connection
from benchmarks.measures import quantile

OK, BROKEN = 200, 0
_SWITCH_SECONDS = 0.0005
_MS = 1000
_SEED = 25


class Sample(NamedTuple):
    """One request: how late this client began it, how long after it was due its answer came, and which; seconds."""

    lag: float
    seconds: float
    status: int
    retry_after: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a rate: latencies from the time that each request was due, unanswered ones as never ending.

    Of a quantile that is never reached there is no number.
    """

    sent: int
    failures: int
    unanswered: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    lag_p50_ms: float
    lag_p99_ms: float
    core_share: float
    within_second: int = 0
    """Answered 200 no later than a second after they were due."""
    answered_p99_ms: float | None = None
    """p99 of those alone that were answered 200."""


def schedule(rate: float, seconds: float) -> Iterator[float]:
    """When requests are due, from 0 on: evenly spaced, by multiplication, so that no error adds up."""
    return (number / rate for number in range(int(rate * seconds)))


def poisson(rate: float, seconds: float, seed: int = _SEED) -> Iterator[float]:
    """When requests are due, from 0 on: independent of each other, `rate` of them a second on average."""
    draw = random.Random(seed)  # noqa: S311  # arrivals, no secrets
    due = draw.expovariate(rate)
    while due < seconds:
        yield due
        due += draw.expovariate(rate)


def outcome(samples: list[Sample], core_share: float) -> Outcome:
    """The figures of a run."""
    latencies = [sample.seconds if sample.status == OK else float("inf") for sample in samples]
    answered = [seconds for seconds in latencies if seconds < float("inf")]
    p50, p95, p99 = (quantile(latencies, share) * _MS for share in (0.5, 0.95, 0.99))
    lags = [sample.lag * _MS for sample in samples]
    unanswered = sum(sample.seconds == float("inf") for sample in samples)
    return Outcome(
        sent=len(samples),
        failures=sum(sample.status != OK for sample in samples) - unanswered,
        unanswered=unanswered,
        p50_ms=_finite(p50),
        p95_ms=_finite(p95),
        p99_ms=_finite(p99),
        lag_p50_ms=quantile(lags, 0.5),
        lag_p99_ms=quantile(lags, 0.99),
        core_share=core_share,
        within_second=sum(seconds <= 1 for seconds in latencies),
        answered_p99_ms=_finite(quantile(answered, 0.99) * _MS) if answered else None,
    )


class OpenLoop:
    """Sends at a constant rate. `extra` connections at most are opened where the first ones are all in use.

    Beyond those a request waits for a connection, and its latency goes on counting.
    """

    def __init__(self, address: Address, request: bytes, connections: int, extra: int | None = None) -> None:
        self._address = address
        self._request = request
        self._idle: asyncio.LifoQueue[Connection] = asyncio.LifoQueue()
        for _ in range(connections):
            self._idle.put_nowait(Connection(address))
        self._extra = float("inf") if extra is None else extra
        self._tasks: list[asyncio.Task[None]] = []
        self.samples: list[Sample] = []

    async def run(self, rate: float, seconds: float, patience: float | None = None) -> None:
        """Send for that long, and await the answers, for `patience` seconds where it is given."""
        first = [self._idle.get_nowait() for _ in range(self._idle.qsize())]
        await asyncio.gather(*(connection.open() for connection in first))
        for connection in first:
            self._idle.put_nowait(connection)
        await self._tick(schedule(rate, seconds))
        await asyncio.sleep(0)  # what was scheduled last begins
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=patience)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        while not self._idle.empty():
            self._idle.get_nowait().close()

    async def _tick(self, offsets: Iterator[float]) -> None:
        """Begin requests from a thread, which wakes within some 50 us; a loop rounds up to milliseconds."""
        usual = sys.getswitchinterval()
        sys.setswitchinterval(_SWITCH_SECONDS)  # or the thread waits for a busy loop
        try:
            await asyncio.to_thread(_tick, asyncio.get_running_loop(), self._begin, offsets)
        finally:
            sys.setswitchinterval(usual)

    def _begin(self, due: float) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(self._send(due)))

    async def _send(self, due: float) -> None:
        lag = time.perf_counter() - due
        seconds, status, retry_after = float("inf"), BROKEN, ""
        connection = None
        try:
            connection = await self._connection()
            answer = await connection.ask(self._request)
            seconds, status = time.perf_counter() - due, answer.status
            retry_after = answer.headers.get("retry-after", "")
        except (OSError, EOFError):
            seconds = time.perf_counter() - due
            if connection is not None:
                connection.close()
        except asyncio.CancelledError:
            if connection is not None:
                connection.close()
        self.samples.append(Sample(lag, seconds, status, retry_after))
        if connection is not None:
            self._idle.put_nowait(connection)

    async def _connection(self) -> Connection:
        if self._idle.empty() and self._extra > 0:
            self._extra -= 1
            return Connection(self._address)
        return await self._idle.get()


def _tick(loop: asyncio.AbstractEventLoop, begin: Callable[[float], None], offsets: Iterator[float]) -> None:
    started = time.perf_counter()
    for offset in offsets:
        due = started + offset
        if (early := due - time.perf_counter()) > 0:
            time.sleep(early)
        loop.call_soon_threadsafe(begin, due)


def _finite(value: float) -> float | None:
    return value if value < float("inf") else None
