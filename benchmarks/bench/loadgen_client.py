"""Poisson arrivals by MLPerf's LoadGen: `... loadgen_client HOST PORT REQUEST RATE SECONDS OBJECTIVE_MS CONNECTIONS`.

LoadGen decides when each request is due (its Server scenario) and counts latency from then. This sends the bytes of the
file REQUEST over kept connections, pinned to the load generator's core, and writes one line of JSON (`Outcome`). It is
no MLPerf result: the models and the rules of those are others.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import tempfile
import threading
import time
from collections import deque
from dataclasses import asdict
from pathlib import Path

import mlperf_loadgen as loadgen
import uvloop

from benchmarks.bench.connection_pool import ConnectionPool
from benchmarks.client import Address
from benchmarks.open_loop import OK, Outcome
from benchmarks.wrk import CORE

_PERCENTILES = ("50.00", "95.00", "99.00")
_CONNECT_SECONDS = 10.0
_NANOSECONDS_PER_MS = 1e6


class _Client:
    """Sends each query from an event loop on its own thread, and tells LoadGen when it was answered.

    LoadGen's thread only hands the numbers over, and wakes the loop where it has not been woken yet: each of the two
    threads has to wait for the interpreter's lock, and the more it does with it, the later the other's queries go.
    """

    def __init__(self, address: Address, request: bytes, connections: int) -> None:
        self._pool: ConnectionPool[int] = ConnectionPool(address, request, connections, self._ended)
        self._due: deque[int] = deque()
        self._woken = False
        self._loop = uvloop.new_event_loop()
        self.sent = self.failures = 0
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        asyncio.run_coroutine_threadsafe(self._pool.open(), self._loop).result(_CONNECT_SECONDS)

    def issue(self, samples: list[loadgen.QuerySample]) -> None:
        """Take queries to be sent now; LoadGen calls this at the time when they are due."""
        self._due.extend(sample.id for sample in samples)
        if not self._woken:
            self._woken = True
            self._loop.call_soon_threadsafe(self._send)

    def _send(self) -> None:
        self._woken = False
        while self._due:
            self.sent += 1
            self._pool.send(self._due.popleft())

    def _ended(self, number: int, status: int) -> None:
        self.failures += status != OK
        loadgen.QuerySamplesComplete([loadgen.QuerySampleResponse(number, 0, 0)])


def main(arguments: list[str]) -> None:
    """Run the scenario once, and write down what LoadGen says of it."""
    host, port, request, rate, seconds, objective_ms, connections = arguments
    os.sched_setaffinity(0, [int(CORE)])
    client = _Client(Address(host, int(port)), Path(request).read_bytes(), int(connections))
    settings = loadgen.TestSettings()
    settings.scenario = loadgen.TestScenario.Server
    settings.mode = loadgen.TestMode.PerformanceOnly
    settings.server_target_qps = float(rate)
    settings.server_target_latency_ns = int(float(objective_ms) * _NANOSECONDS_PER_MS)
    settings.server_target_latency_percentile = 0.99
    settings.min_duration_ms = settings.max_duration_ms = int(float(seconds) * 1000)
    settings.min_query_count = 1
    sut = loadgen.ConstructSUT(client.issue, lambda: None)
    library = loadgen.ConstructQSL(1, 1, lambda _: None, lambda _: None)
    started, before = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        logs = loadgen.LogSettings()
        logs.enable_trace = False
        logs.log_output.outdir = folder
        logs.log_output.copy_summary_to_stdout = False
        loadgen.StartTestWithLogSettings(sut, library, settings, logs)
        summary = (Path(folder) / "mlperf_log_summary.txt").read_text(encoding="utf-8")
    share = (time.process_time() - before) / (time.perf_counter() - started)
    p50, p95, p99 = (_milliseconds(summary, percentile) for percentile in _PERCENTILES)
    found = Outcome(client.sent, client.failures, 0, p50, p95, p99, lag_p50_ms=0, lag_p99_ms=0, core_share=share)
    sys.stdout.write(json.dumps(asdict(found)) + "\n")


def _milliseconds(summary: str, percentile: str) -> float:
    found = re.search(rf"^{percentile} percentile latency \(ns\)\s*:\s*(\d+)", summary, re.MULTILINE)
    if found is None:
        raise LookupError(f"LoadGen has not said its {percentile} percentile")
    return int(found[1]) / _NANOSECONDS_PER_MS


if __name__ == "__main__":
    main(sys.argv[1:])
