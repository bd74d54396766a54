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
from dataclasses import asdict
from pathlib import Path

import mlperf_loadgen as loadgen
import uvloop

from benchmarks.client import Address, Connection
from benchmarks.open_loop import OK, Outcome
from benchmarks.wrk import CORE

_PERCENTILES = ("50.00", "95.00", "99.00")
_ANSWER_SECONDS = 10.0
_NANOSECONDS_PER_MS = 1e6


class _Client:
    """Sends each query on an event loop of its own thread, and tells LoadGen when it was answered."""

    def __init__(self, address: Address, request: bytes, connections: int) -> None:
        self._request = request
        self._loop = uvloop.new_event_loop()
        self._idle = [Connection(address) for _ in range(connections)]
        self._free = asyncio.Semaphore(connections)
        self.sent = self.failures = 0
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(_ANSWER_SECONDS)

    def issue(self, samples: list[loadgen.QuerySample]) -> None:
        """Send queries now; LoadGen calls this at the time when they are due."""
        for sample in samples:
            self._loop.call_soon_threadsafe(self._begin, sample.id)

    async def _open(self) -> None:
        for connection in self._idle:
            await connection.open()

    def _begin(self, number: int) -> None:
        self.sent += 1
        task = self._loop.create_task(self._ask(number))
        task.add_done_callback(lambda _: loadgen.QuerySamplesComplete([loadgen.QuerySampleResponse(number, 0, 0)]))

    async def _ask(self, number: int) -> None:
        del number
        async with self._free:
            connection = self._idle.pop()
            try:
                answer = await asyncio.wait_for(connection.ask(self._request), _ANSWER_SECONDS)
                self.failures += answer.status != OK
            except (OSError, EOFError):
                self.failures += 1
                connection.close()
            finally:
                self._idle.append(connection)


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
