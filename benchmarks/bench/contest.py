"""Runs the servers on one model: all are started, proven right, warmed up, and then asked in turn."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.bench.contestants import Contestant, Running
from benchmarks.bench.correctness import ask_all
from benchmarks.bench.environments import Unavailable, plain_reason
from benchmarks.bench.results import MEBIBYTE, Cell, Showing, WorkloadResult
from benchmarks.bench.standing import capacity, peers
from benchmarks.bench.workloads import Workload, rows_of
from benchmarks.client import request_bytes
from benchmarks.measures import in_turn
from benchmarks.open_loop import Outcome
from benchmarks.server import REPOSITORY
from benchmarks.wrk import run_wrk

OPEN_LOAD = 0.7
"""Of the best peer's capacity."""
_WARM_CONNECTIONS = 64
_IDLE_SECONDS = 1.0
_SETTLE_SECONDS = 0.1
_SETTLED_AFTER_SECONDS = 5.0
_QUIET = 0.05
"""Of a core: a server that takes less has answered all that it was asked; one that takes more unasked is frozen."""
_RAW_SECONDS = 0.5
_OPEN_CONNECTIONS = 256
_FAILURES = (OSError, RuntimeError, LookupError, EOFError, subprocess.SubprocessError, psutil.Error, Unavailable)


@dataclass(frozen=True, slots=True)
class Plan:
    """How often and how long. `tell` takes what is being done, `advance` how many seconds of the plan are over."""

    rounds: int
    seconds: float
    connections: tuple[int, ...]
    tell: Callable[[str], None]
    advance: Callable[[float], None]

    def total_seconds(self, servers: int) -> float:
        """About what one model takes, without the starts."""
        each = self.seconds * (len(self.connections) + 1)
        raw = _RAW_SECONDS * (len(self.connections) + 1)
        return self.rounds * (servers * each + raw) + servers * self.seconds


class Contest:
    """The servers on one model, while they run; whoever fails is left out from then on."""

    def __init__(self, workload: Workload, plan: Plan, ours: str, folder: Path) -> None:
        self._workload = workload
        self._plan = plan
        self._ours = ours
        self._folder = folder
        self._rows = rows_of(workload)
        self._running: dict[str, Running] = {}
        self.result = WorkloadResult(workload.about, list(workload.sizes))

    def start(self, contestant: Contestant, stack: contextlib.ExitStack) -> None:
        """Start a server, to be stopped with the stack, and see whether it answers right."""
        name = contestant.name
        with self._leaving_out(name):
            self._plan.tell(f"{self._workload.key}: starting {name}")
            folder = self._folder / name
            folder.mkdir()
            running = contestant.start(contestant, self._workload, folder)
            stack.enter_context(running.program)
            time.sleep(_IDLE_SECONDS)  # what it does after its start is over
            before, started = running.program.cpu_seconds(), time.perf_counter()
            time.sleep(_IDLE_SECONDS)
            busy = (running.program.cpu_seconds() - before) / (time.perf_counter() - started)
            idle = running.program.resident_bytes() / MEBIBYTE
            self._running[name] = running
            self.result.servers[name] = Showing(idle, busy, self._check(name))
            body = running.body(self._rows.texts[0])
            self.result.body_bytes = self.result.body_bytes or len(body)
            (folder / "body.json").write_bytes(body)
            (folder / "request").write_bytes(request_bytes("POST", running.path, body, running.headers))
            self._rest(name)

    def measure(self) -> None:
        """Warm up, then all rounds of the closed loop and of the open one, and see that answers are still right."""
        for name in list(self._running):
            with self._leaving_out(name):
                self._plan.tell(f"{self._workload.key}: warming up {name}")
                self._closed(name, _WARM_CONNECTIONS)
        for number in range(self._plan.rounds):
            for connections in self._plan.connections:
                for name in in_turn(list(self._running), number):
                    with self._leaving_out(name):
                        self._plan.tell(f"{self._workload.key}: round {number + 1}, {connections} connections, {name}")
                        cell = self._closed(name, connections)
                        self.result.servers[name].closed.setdefault(str(connections), []).append(cell)
            self._raw()
        if others := peers(self.result, self._ours):
            self.result.open_rate = round(OPEN_LOAD * max(capacity(showing) for showing in others.values()))
            for number in range(self._plan.rounds):
                for name in in_turn(list(self._running), number):
                    with self._leaving_out(name):
                        self._plan.tell(
                            f"{self._workload.key}: round {number + 1}, {self.result.open_rate:g} requests/s, {name}"
                        )
                        self.result.servers[name].open.append(self._open(name))
        for name in list(self._running):
            with self._leaving_out(name):
                self.result.servers[name].peak_mib = self._running[name].program.peak_bytes() / MEBIBYTE
                with self._awake(name):
                    self.result.servers[name].rows_checked += self._check(name)

    @contextlib.contextmanager
    def _awake(self, name: str) -> Iterator[Running]:
        """A server at its turn."""
        running = self._running[name]
        if self._restless(name):
            running.program.thaw()
            time.sleep(_SETTLE_SECONDS)
        try:
            yield running
        finally:
            self._rest(name)

    def _rest(self, name: str) -> None:
        """Wait until it has answered all; freeze it until its next turn if it is busy even when nobody asks."""
        program, restless = self._running[name].program, self._restless(name)
        deadline = time.monotonic() + _SETTLED_AFTER_SECONDS
        share = 1.0
        bound = _QUIET + (2 * self.result.servers[name].idle_core_share if restless else 0)
        while share > bound and time.monotonic() < deadline:
            before, started = program.cpu_seconds(), time.perf_counter()
            time.sleep(_SETTLE_SECONDS)
            share = (program.cpu_seconds() - before) / (time.perf_counter() - started)
        if restless:
            program.freeze()

    def _restless(self, name: str) -> bool:
        return self.result.servers[name].idle_core_share > _QUIET

    def _check(self, name: str) -> int:
        verdict = ask_all(self._running[name], self._rows)
        if not verdict.right:
            raise Unavailable(str(verdict))
        return verdict.asked

    def _closed(self, name: str, connections: int) -> Cell:
        body = self._folder / name / "body.json"
        with self._awake(name) as running:
            before, busy, started = running.program.cpu_seconds(), _busy_seconds(), time.perf_counter()
            load = run_wrk(running.address(), running.path, body, connections, self._plan.seconds, running.headers)
            spent, wall = running.program.cpu_seconds() - before, time.perf_counter() - started
            strangers = max(0.0, (_busy_seconds() - busy - spent) / wall - load.core_share)
        self._plan.advance(self._plan.seconds)
        return Cell(
            load.requests,
            load.failures,
            load.per_second,
            load.p50_ms,
            load.p95_ms,
            load.p99_ms,
            spent / max(load.requests, 1) * 1e6,
            load.core_share,
            strangers,
        )

    def _open(self, name: str) -> Outcome:
        request = self._folder / name / "request"
        with self._awake(name) as running:
            arguments = [*running.address(), request, self.result.open_rate, self._plan.seconds, _OPEN_CONNECTIONS]
            found = _json_of("benchmarks.open_loop", *map(str, arguments))
        self._plan.advance(self._plan.seconds)
        return Outcome(**found)

    def _raw(self) -> None:
        sizes = sorted({1, *self._plan.connections})
        self._plan.tell(f"{self._workload.key}: torch alone")
        found = _json_of("benchmarks.bench.raw_torch", str(self._workload.weights), str(_RAW_SECONDS), *map(str, sizes))
        for size, rows in found.items():
            self.result.raw.setdefault(size, []).append(rows)
        self._plan.advance(_RAW_SECONDS * len(sizes))

    @contextlib.contextmanager
    def _leaving_out(self, name: str) -> Iterator[None]:
        try:
            yield
        except _FAILURES as error:
            if name == self._ours:
                raise
            self.result.left_out[name] = plain_reason(str(getattr(error, "stderr", None) or error))
            self.result.servers.pop(name, None)
            if (running := self._running.pop(name, None)) is not None:
                running.program.stop()


def _json_of(module: str, *arguments: str) -> dict[str, Any]:
    """What a program of ours prints."""
    done = subprocess.run(  # noqa: S603  # our own command
        [sys.executable, "-m", module, *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    return dict(json.loads(done.stdout))


def _busy_seconds() -> float:
    """What all cores together have worked so far."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - times.iowait - times.guest - times.guest_nice)
