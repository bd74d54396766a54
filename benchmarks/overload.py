"""Five times as much as the model can do: those inside are answered in a bounded time, the rest refused at once."""

from __future__ import annotations

import asyncio
import collections
import tempfile
import time
from pathlib import Path

import uvloop

from benchmarks.client import Address, Connection, request_bytes
from benchmarks.findings import Findings
from benchmarks.measures import quantile
from benchmarks.open_loop import OK, OpenLoop, Sample
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
_REFUSED = 429
_REQUEST = request_bytes("POST", "/v1/predict", b'{"features": [%s]}' % b", ".join([b"0.5"] * COLUMNS))


async def _loaded(address: Address, seconds: float) -> tuple[list[Sample], float]:
    """What came of the load, and how long after its end a single request was answered again."""
    load = OpenLoop(address, _REQUEST, _CONNECTIONS)
    async with asyncio.TaskGroup() as group:
        group.create_task(load.run(_TIMES * _CAPACITY, seconds))
        recovered = group.create_task(_recovery_seconds(address, seconds))
    return load.samples, recovered.result()


async def _recovery_seconds(address: Address, after: float) -> float:
    await asyncio.sleep(after)
    ended = time.perf_counter()
    async with Connection(address) as connection:
        while (await connection.ask(_REQUEST)).status != OK:  # noqa: ASYNC110  # it is the server that is waited for
            await asyncio.sleep(0.02)
    return time.perf_counter() - ended


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
            samples, recovery = uvloop.run(_loaded(server.address, seconds))
        _judge(findings, samples, seconds)
        findings.at_most("answered again after the overload", recovery * 1000, _RECOVERY_MS, "ms")
        _tell_server_side(findings, server)
    return findings


def _judge(findings: Findings, samples: list[Sample], seconds: float) -> None:
    # From when it was sent: that this client was late is told apart.
    accepted = [(sample.seconds - sample.lag) * 1000 for sample in samples if sample.status == OK]
    refused = [(sample.seconds - sample.lag) * 1000 for sample in samples if sample.status == _REFUSED]
    others = collections.Counter(sample.status for sample in samples if sample.status not in (OK, _REFUSED))
    findings.none("answers that are neither 200 nor 429", others.total(), len(samples), str(dict(others)))
    findings.at_most("accepted, p99", quantile(accepted, 0.99), _BOUND_MS, "ms")
    findings.at_most("refused, p99", quantile(refused, 0.99), _REFUSED_MS, "ms")
    findings.at_least("accepted per second", round(len(accepted) / seconds, 1), 0.9 * _CAPACITY)
    findings.note("accepted / refused", f"{len(accepted)} / {len(refused)}")
    findings.note("accepted, p50 / p99 / most", _spread(accepted))
    findings.note("refused, p50 / p99 / most", _spread(refused))
    findings.note("sent late by this client, p50 / p99 / most", _spread([each.lag * 1000 for each in samples]))
    waits = sorted({sample.retry_after for sample in samples if sample.status == _REFUSED})
    findings.note("Retry-After of the refused, seconds", ", ".join(waits))


def _tell_server_side(findings: Findings, server: Server) -> None:
    """The same durations as the server's own access lines have them, without the network and this client."""
    by_status: dict[object, list[float]] = collections.defaultdict(list)
    for line in server.log_lines():
        if line.get("route") == "/v1/predict":
            by_status[line["status"]].append(float(line["duration_ms"]))
    findings.note("accepted by the server's log, p50 / p99 / most", _spread(by_status[OK]))
    findings.note("refused by the server's log, p50 / p99 / most", _spread(by_status[_REFUSED]))


def _spread(milliseconds: list[float]) -> str:
    p50, p99, most = (quantile(milliseconds, share) for share in (0.5, 0.99, 1))
    return f"{p50:.2f} / {p99:.2f} / {most:.2f} ms"
