"""Runs the servers on one model: all are started, proven right, warmed up, and then asked in turn."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.bench.arrivals import TIMES_PEAK, Target, json_of, overload, scenario
from benchmarks.bench.contestant import Contestant, Running, made
from benchmarks.bench.correctness import ask_all, headers_of
from benchmarks.bench.environments import Unavailable, plain_reason
from benchmarks.bench.rate_search import TRIALS
from benchmarks.bench.raw_task import rows_per_second
from benchmarks.bench.results import MEBIBYTE, OURS, PEER, Cell, Showing, WorkloadResult
from benchmarks.bench.standing import capacity
from benchmarks.bench.wires import OF_ONE_SIZE, OF_TASKS
from benchmarks.bench.workloads import Workload, rows_of
from benchmarks.client import request_bytes
from benchmarks.measures import in_turn
from benchmarks.peers.tuning import Tuning
from benchmarks.wrk import run_wrk

CLOSED, SCENARIO, OVERLOAD = "closed", "server", "overload"
PARTS = (CLOSED, SCENARIO, OVERLOAD)
_WARM_CONNECTIONS = 64
_START_SECONDS = 600.0
_IDLE_SECONDS = 1.0
_SETTLE_SECONDS = 0.1
_SETTLED_AFTER_SECONDS = 5.0
_QUIET = 0.05
"""Of a core: a server that takes less has answered all that it was asked; one that takes more unasked is frozen."""
_RAW_SECONDS = 0.5
_RAW_TASK_SECONDS = 4.0
FAILURES = (OSError, RuntimeError, LookupError, EOFError, subprocess.SubprocessError, psutil.Error, Unavailable)


@dataclass(frozen=True, slots=True)
class Plan:
    """How often and how long. `tell` takes what is being done, `advance` how many seconds of the plan are over.

    `loadgen` is whether MLPerf's LoadGen makes the arrivals of the Server scenario.
    """

    rounds: int
    seconds: float
    connections: tuple[int, ...]
    tell: Callable[[str], None]
    advance: Callable[[float], None]
    parts: tuple[str, ...] = PARTS
    loadgen: bool = False

    def total_seconds(self, servers: int) -> float:
        """About what one model takes, without the starts."""
        each, raw = self.seconds, 0.0
        if CLOSED in self.parts:
            each += self.rounds * self.seconds * len(self.connections)
            raw = 2 * self.rounds * _RAW_SECONDS * (len(self.connections) + 1)
        each += TRIALS * self.seconds * (SCENARIO in self.parts)
        each += len(TIMES_PEAK) * self.seconds * (OVERLOAD in self.parts)
        return servers * each + raw


class Contest:
    """The servers on one model, while they run; whoever fails is left out from then on."""

    def __init__(self, workload: Workload, plan: Plan, ours: str, folder: Path) -> None:
        self._workload = workload
        self._plan = plan
        self._ours = ours
        self._folder = folder
        self._rows = rows_of(workload)
        self._running: dict[str, Running] = {}
        self._warm: dict[str, Cell] = {}
        self.result = WorkloadResult(workload.about, list(workload.sizes), objective_ms=workload.objective_ms)

    def start(self, contestant: Contestant, stack: contextlib.ExitStack, tuning: Tuning) -> None:
        """Start a server, to be stopped with the stack, and see whether it answers right."""
        name = contestant.name
        with self._leaving_out(name):
            self._plan.tell(f"{self._workload.key}: starting {name}")
            folder = self._folder_of(name)
            folder.mkdir()
            running, started = made(contestant, self._workload, folder, tuning), time.perf_counter()
            running.program.patience_seconds = _START_SECONDS
            stack.enter_context(running.program)
            seconds = time.perf_counter() - started
            time.sleep(_IDLE_SECONDS)  # what it does after its start is over
            before, started = running.program.cpu_seconds(), time.perf_counter()
            time.sleep(_IDLE_SECONDS)
            busy = (running.program.cpu_seconds() - before) / (time.perf_counter() - started)
            idle = running.program.resident_bytes() / MEBIBYTE
            self._running[name] = running
            showing = Showing(idle, busy, self._check(name), role=contestant.role, start_seconds=seconds)
            self.result.servers[name] = showing
            self._write(folder, running)
            self._rest(name)

    def _write(self, folder: Path, running: Running) -> None:
        """The bodies for wrk, and a whole request: always the same row, unless rows differ in length."""
        kept = self._rows.rows[:1] if self._workload.wire in OF_ONE_SIZE else self._rows.rows
        bodies = [running.wire.body(row) for row in kept]
        self.result.body_bytes = self.result.body_bytes or round(sum(map(len, bodies)) / len(bodies))
        for number, body in enumerate(bodies):
            (folder / f"{number:02}.body").write_bytes(body)
        request = request_bytes("POST", running.wire.path, bodies[0], headers_of(running))
        (folder / "request").write_bytes(request)

    def measure(self) -> None:
        """Warm up, then every part of the plan, and see that answers are still right."""
        for name in list(self._running):
            with self._leaving_out(name):
                self._plan.tell(f"{self._workload.key}: warming up {name}")
                self._warm[name] = self._closed(name, _WARM_CONNECTIONS)
        if CLOSED in self._plan.parts:
            for number in range(self._plan.rounds):
                self._round(number)
                self._raw()
        for part, measure in ((SCENARIO, self._scenario), (OVERLOAD, self._overload)):
            for name in self._with_arrivals() if part in self._plan.parts else ():
                with self._leaving_out(name):
                    self._plan.tell(f"{self._workload.key}: {part}, {name}")
                    measure(name)
        for name in list(self._running):
            with self._leaving_out(name):
                self.result.servers[name].peak_mib = self._running[name].program.peak_bytes() / MEBIBYTE
                with self._awake(name):
                    self.result.servers[name].rows_checked += self._check(name)

    def _with_arrivals(self) -> list[str]:
        """The service and the living peers: other forms and the dead are no reference of these parts."""
        return [name for name in self._running if self.result.servers[name].role in (OURS, PEER)]

    def _round(self, number: int) -> None:
        for connections in self._plan.connections:
            for name in in_turn(list(self._running), number):
                with self._leaving_out(name):
                    self._plan.tell(f"{self._workload.key}: round {number + 1}, {connections} connections, {name}")
                    cell = self._closed(name, connections)
                    self.result.servers[name].closed.setdefault(str(connections), []).append(cell)

    def _raw(self) -> None:
        if self._ours not in self._running:
            return  # in a sweep
        if self._workload.wire in OF_TASKS:
            self._raw_task()
        if self._workload.wire not in OF_ONE_SIZE:
            return
        sizes = sorted({1, *self._plan.connections})
        for file, found in ((self._workload.weights, self.result.raw), (self._workload.graph, self.result.raw_onnx)):
            self._plan.tell(f"{self._workload.key}: the model alone, {file.suffix}")
            command = [sys.executable, "-m", "benchmarks.bench.raw_speed", str(file), str(_RAW_SECONDS)]
            for size, rows in json_of([*command, *map(str, sizes)]).items():
                found.setdefault(size, []).append(rows)
            self._plan.advance(_RAW_SECONDS * len(sizes))

    def _raw_task(self) -> None:
        self._plan.tell(f"{self._workload.key}: the model without a server")
        workload = self._workload
        found = rows_per_second(workload.bundle, workload.wire, self._rows.rows, _RAW_TASK_SECONDS)
        for connections in self._plan.connections:
            self.result.raw_task.setdefault(str(connections), []).append(found)
        self._plan.advance(_RAW_TASK_SECONDS)

    def _scenario(self, name: str) -> None:
        with self._awake(name) as running:
            self.result.servers[name].scenario = scenario(
                Target(running.address(), self._folder_of(name) / "request"),
                self._peak(name),
                self._plan.seconds,
                self._workload.objective_ms,
                loadgen=self._plan.loadgen,
            )
        self._plan.advance(TRIALS * self._plan.seconds)

    def _overload(self, name: str) -> None:
        with self._awake(name) as running:
            target = Target(running.address(), self._folder_of(name) / "request")
            points = overload(target, self._peak(name), self._plan.seconds, self._plan.advance)
        self.result.servers[name].overload = points

    def _peak(self, name: str) -> float:
        """What it reached in closed loop; while it warmed up, where nothing else was measured."""
        showing = self.result.servers[name]
        return capacity(showing) if showing.closed else self._warm[name].per_second

    def _folder_of(self, name: str) -> Path:
        return self._folder / re.sub(r"\W+", "-", name)

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
        with self._awake(name) as running:
            before, busy, started = running.program.cpu_seconds(), _busy_seconds(), time.perf_counter()
            ask = (running.wire.path, sorted(self._folder_of(name).glob("*.body")), connections, self._plan.seconds)
            load = run_wrk(running.address(), *ask, headers_of(running))
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

    @contextlib.contextmanager
    def _leaving_out(self, name: str) -> Iterator[None]:
        try:
            yield
        except FAILURES as error:
            if name == self._ours:
                raise
            self.result.left_out[name] = plain_reason(str(getattr(error, "stderr", None) or error))
            self.result.servers.pop(name, None)
            if (running := self._running.pop(name, None)) is not None:
                running.program.stop()


def _busy_seconds() -> float:
    """What all cores together have worked so far."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - times.iowait - times.guest - times.guest_nice)
