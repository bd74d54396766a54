"""Results of a bench that was never run, for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.bench.results import Cell, Result, Showing, WorkloadResult
from benchmarks.open_loop import Outcome
from benchmarks.report import Occasion


def showing(speeds: Mapping[str, Sequence[float]], p99: Sequence[float | None] = ()) -> Showing:
    """A server that reaches these requests per second, by connections and rounds, and these p99 in open loop."""
    made = Showing(idle_mib=250, idle_core_share=0, rows_checked=256, peak_mib=300)
    made.closed = {
        connections: [Cell(int(speed), 0, speed, 1.0, 2.0, 3.0, 400.0, 0.1) for speed in rounds]
        for connections, rounds in speeds.items()
    }
    made.open = [Outcome(100, 0, 0 if value else 5, 1.0, 2.0, value, 0.1, 0.2, 0.3) for value in p99]
    return made


def workload(servers: Mapping[str, Showing], raw: Mapping[str, Sequence[float]] | None = None) -> WorkloadResult:
    """What these servers did on a model."""
    limits = {size: list(rows) for size, rows in (raw or {}).items()}
    return WorkloadResult("small", [784, 10], 5414, dict(servers), limits, {}, 70.0)


def result(**workloads: WorkloadResult) -> Result:
    """A run of three rounds."""
    made = Result(Occasion("abc1234", "2026-01-01", "2 cores; busy", "0.1"), "bench", 3, 5.0, "plimsoll")
    made.workloads = dict(workloads)
    return made
