"""A thousand slow predictions in flight: the event loop still answers probes at once."""

from __future__ import annotations

import asyncio
import collections
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import uvloop

from benchmarks.client import Address, Connection, request_bytes
from benchmarks.findings import Findings
from benchmarks.measures import quantile
from benchmarks.server import REPOSITORY, Server
from benchmarks.slow_model import COLUMNS, FACTORY, make_slow_bundle

_BATCH_MS = 20.0
_BATCH_ROWS = 4
_IN_FLIGHT = 1000
_CLIENTS = _IN_FLIGHT + 4 * _BATCH_ROWS
"""A few more than must be in flight, since those of one batch are between two requests."""
_QUEUE_LIMIT = 1200
_FILES = 4096
_BOUND_MS = 50.0
_ARRIVAL_SECONDS = 2.0
_OK = 200
_REQUEST = request_bytes("POST", "/v1/predict", b'{"features": [%s]}' % b", ".join([b"0.5"] * COLUMNS))


class _Crowd:
    """Clients each of which always has one request in flight."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._connections = [Connection(address) for _ in range(_CLIENTS)]
        self._stop = asyncio.Event()
        self.statuses: collections.Counter[int] = collections.Counter()
        self.in_flight: list[int] = []
        self.steady: dict[str, list[float]] = {}
        self.arriving: dict[str, list[float]] = {}

    async def run(self, seconds: float) -> None:
        """Probe while they are all in flight; then, once all have been answered, while they arrive in one instant."""
        await asyncio.gather(*(connection.open() for connection in self._connections))
        async with asyncio.TaskGroup() as group:
            for number, connection in enumerate(self._connections):
                group.create_task(self._client(connection, number / _CLIENTS * _ARRIVAL_SECONDS))
            async with Connection(self._address) as beside:
                while await self._count(beside) < _IN_FLIGHT:  # noqa: ASYNC110  # it is the server that is waited for
                    await asyncio.sleep(0.1)
                self.in_flight.clear()
                probing = asyncio.create_task(asyncio.to_thread(_probe, self._address, seconds))
                while not probing.done():
                    self.in_flight.append(await self._count(beside))
                    await asyncio.wait([probing], timeout=1)
                self.steady = await probing
                self._stop.set()
        probing = asyncio.create_task(asyncio.to_thread(_probe, self._address, 4.0))
        await asyncio.sleep(1.5)  # until the prober has started and polls
        answers = await asyncio.gather(*(connection.ask(_REQUEST) for connection in self._connections))
        self.statuses.update(answer.status for answer in answers)
        self.arriving = await probing
        for connection in self._connections:
            connection.close()

    async def _client(self, connection: Connection, wait: float) -> None:
        await asyncio.sleep(wait)
        while not self._stop.is_set():
            self.statuses[(await connection.ask(_REQUEST)).status] += 1

    async def _count(self, beside: Connection) -> int:
        """How many predictions the server says are in flight."""
        answer = await beside.ask(request_bytes("GET", "/v1/health/detailed"))
        return int(json.loads(answer.body)["requests_in_flight"]) - 1  # without this very one


def _probe(address: Address, seconds: float) -> dict[str, list[float]]:
    command = [sys.executable, "-m", "benchmarks.probe", address.host, str(address.port), str(seconds)]
    done = subprocess.run(  # noqa: S603  # our own command
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, timeout=seconds + 60, check=True
    )
    found: dict[str, list[float]] = json.loads(done.stdout)
    return {name: [value * 1000 for value in values] for name, values in found.items()}


def run_liveness(seconds: float) -> Findings:
    """Run it and say what was found."""
    findings = Findings(
        "liveness",
        f"{seconds:g} s; a model of {_BATCH_MS:g} ms per batch of {_BATCH_ROWS}; {_CLIENTS} clients with one request "
        "in flight each; /livez every 20 ms over new connections, from a process of its own",
    )
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))  # the server inherits it
    environment = {
        "PLIMSOLL_FACTORIES": FACTORY,
        "PLIMSOLL_MAX_BATCH_ROWS": str(_BATCH_ROWS),
        "PLIMSOLL_QUEUE_LIMIT": str(_QUEUE_LIMIT),
    }
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder) / "models"
        make_slow_bundle(models, _BATCH_MS)
        with Server(models, Path(folder), environment) as server:
            crowd = _Crowd(server.address)
            uvloop.run(crowd.run(seconds))
    _judge(findings, crowd)
    return findings


def _judge(findings: Findings, crowd: _Crowd) -> None:
    answers, lags = crowd.steady["answers"], crowd.steady["lags"]
    findings.at_least("predictions in flight, fewest seen", min(crowd.in_flight), _IN_FLIGHT)
    findings.at_most("/livez, p99", quantile(answers, 0.99), _BOUND_MS, "ms")
    findings.at_most("/livez, most", max(answers), _BOUND_MS, "ms")
    others = {status: count for status, count in crowd.statuses.items() if status != _OK}
    findings.none("predictions not answered 200", sum(others.values()), crowd.statuses.total(), str(others))
    findings.note("polls", len(answers))
    findings.note("/livez, p50", f"{quantile(answers, 0.5):.2f} ms")
    findings.note("the prober was woken up late by, p99 / most", f"{quantile(lags, 0.99):.2f} / {max(lags):.2f} ms")
    findings.note(
        f"/livez, most, while {_CLIENTS} requests arrive in one instant", f"{max(crowd.arriving['answers']):.1f} ms"
    )
