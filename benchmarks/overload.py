"""Five times as much as the model can do: those inside are answered in a bounded time, the rest refused at once."""

from __future__ import annotations

import asyncio
import collections
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import uvloop

from benchmarks.client import Address, Connection, request_bytes
from benchmarks.findings import Findings
from benchmarks.measures import quantile
from benchmarks.server import Server
from benchmarks.slow_model import COLUMNS, FACTORY, make_slow_bundle

_BATCH_MS = 20.0
_BATCH_ROWS = 4
_CONCURRENCY = 8
_QUEUE_LIMIT = 16
_TIMES = 5
_CAPACITY = _BATCH_ROWS * 1000 / _BATCH_MS
_BOUND_MS = (_QUEUE_LIMIT / _BATCH_ROWS + 2) * _BATCH_MS
_REFUSED_MS = 10.0
_RECOVERY_MS = 1000.0
_CONNECTIONS = 128
_OK, _REFUSED, _BROKEN = 200, 429, 0
_REQUEST = request_bytes("POST", "/v1/predict", b'{"features": [%s]}' % b", ".join([b"0.5"] * COLUMNS))


class _Sample(NamedTuple):
    """One request: how late it was sent, how long it took from then on, and what came; seconds."""

    lag: float
    seconds: float
    status: int
    retry_after: str


class _OpenLoop:
    """Sends at a constant rate, whatever comes back, over connections that are kept."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._idle = collections.deque(Connection(address) for _ in range(_CONNECTIONS))
        self.samples: list[_Sample] = []
        self.recovery_seconds = float("inf")

    async def run(self, rate: float, seconds: float) -> None:
        """Send for that long, await the last answer, and see how soon a single request is answered again."""
        await asyncio.gather(*(connection.open() for connection in self._idle))
        started = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in range(int(rate * seconds)):
                due = started + number / rate
                if (early := due - time.perf_counter()) > 0:
                    await asyncio.sleep(early)
                group.create_task(self._send(due))
            group.create_task(self._recover(time.perf_counter()))
        for connection in self._idle:
            connection.close()

    async def _send(self, due: float) -> None:
        connection = self._idle.pop() if self._idle else Connection(self._address)
        sent = time.perf_counter()
        status, retry_after = _BROKEN, ""
        try:
            answer = await connection.ask(_REQUEST)
            status, retry_after = answer.status, answer.headers.get("retry-after", "")
        except (OSError, EOFError):
            connection.close()
        self.samples.append(_Sample(sent - due, time.perf_counter() - sent, status, retry_after))
        self._idle.append(connection)

    async def _recover(self, ended: float) -> None:
        async with Connection(self._address) as connection:
            while (await connection.ask(_REQUEST)).status != _OK:  # noqa: ASYNC110  # it is the server that is waited for
                await asyncio.sleep(0.02)
        self.recovery_seconds = time.perf_counter() - ended


def run_overload(seconds: float) -> Findings:
    """Run it and say what was found."""
    findings = Findings(
        "overload",
        f"{seconds:g} s; a model of {_BATCH_MS:g} ms per batch of {_BATCH_ROWS}, so {_CAPACITY:g} requests/s; "
        f"queue limit {_QUEUE_LIMIT}; {_TIMES * _CAPACITY:g} one-row requests/s in open loop over kept connections",
    )
    environment = {
        "PLIMSOLL_FACTORIES": FACTORY,
        "PLIMSOLL_MAX_BATCH_ROWS": str(_BATCH_ROWS),
        "PLIMSOLL_CONCURRENCY": str(_CONCURRENCY),
        "PLIMSOLL_QUEUE_LIMIT": str(_QUEUE_LIMIT),
        "PLIMSOLL_ACCESS_LOG_PER_SECOND": "1000000",  # the server's own durations are read off its log
    }
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder) / "models"
        make_slow_bundle(models, _BATCH_MS)
        server = Server(models, Path(folder), environment)
        with server:
            load = _OpenLoop(server.address)
            uvloop.run(load.run(_TIMES * _CAPACITY, seconds))
        _judge(findings, load, seconds)
        _tell_server_side(findings, server)
    return findings


def _judge(findings: Findings, load: _OpenLoop, seconds: float) -> None:
    accepted = [sample.seconds * 1000 for sample in load.samples if sample.status == _OK]
    refused = [sample.seconds * 1000 for sample in load.samples if sample.status == _REFUSED]
    others = collections.Counter(sample.status for sample in load.samples if sample.status not in (_OK, _REFUSED))
    findings.none("answers that are neither 200 nor 429", others.total(), len(load.samples), str(dict(others)))
    findings.at_most("accepted, p99", quantile(accepted, 0.99), _BOUND_MS, "ms")
    findings.at_most("refused, p99", quantile(refused, 0.99), _REFUSED_MS, "ms")
    findings.at_most("answered again after the overload", load.recovery_seconds * 1000, _RECOVERY_MS, "ms")
    findings.at_least("accepted per second", round(len(accepted) / seconds, 1), 0.9 * _CAPACITY)
    findings.note("accepted / refused", f"{len(accepted)} / {len(refused)}")
    findings.note("accepted, p50 / p99 / most", _spread(accepted))
    findings.note("refused, p50 / p99 / most", _spread(refused))
    findings.note("sent late by this client, p50 / p99 / most", _spread([each.lag * 1000 for each in load.samples]))
    waits = sorted({sample.retry_after for sample in load.samples if sample.status == _REFUSED})
    findings.note("Retry-After of the refused, seconds", ", ".join(waits))


def _tell_server_side(findings: Findings, server: Server) -> None:
    """The same durations as the server's own access lines have them, without the network and this client."""
    by_status: dict[object, list[float]] = collections.defaultdict(list)
    for line in server.log_lines():
        if line.get("route") == "/v1/predict":
            by_status[line["status"]].append(float(line["duration_ms"]))
    findings.note("accepted by the server's log, p50 / p99 / most", _spread(by_status[_OK]))
    findings.note("refused by the server's log, p50 / p99 / most", _spread(by_status[_REFUSED]))


def _spread(milliseconds: list[float]) -> str:
    p50, p99, most = (quantile(milliseconds, share) for share in (0.5, 0.99, 1))
    return f"{p50:.2f} / {p99:.2f} / {most:.2f} ms"
