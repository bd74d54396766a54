"""Results of a bench that was never run, for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.bench.results import PEER, Cell, Offered, Result, Scenario, Showing, WorkloadResult
from benchmarks.open_loop import Outcome
from benchmarks.report import Occasion


def showing(
    speeds: Mapping[str, Sequence[float]], role: str = PEER, *, p99: float = 3.0, cpu: float = 400.0
) -> Showing:
    """A server that reaches these requests per second, by connections and rounds."""
    made = Showing(idle_mib=250, idle_core_share=0, rows_checked=256, peak_mib=300, role=role, start_seconds=2.5)
    made.closed = {
        connections: [Cell(int(speed), 0, speed, 1.0, 2.0, p99, cpu, 0.1) for speed in rounds]
        for connections, rounds in speeds.items()
    }
    return made


def offered(times_peak: float, answered: int, lag_ms: float = 1.0, p99: float | None = 50.0) -> Offered:
    """A second in which so many requests were answered in time."""
    return Offered(
        times_peak, 100 * times_peak, 1.0, Outcome(100, 0, 0, 1.0, 2.0, p99, 0.1, lag_ms, 0.3, answered, p99)
    )


def scenario(per_second: float) -> Scenario:
    """A search that ended at this rate."""
    return Scenario(per_second, 12.0, 7, "benchmarks.open_loop")


def workload(servers: Mapping[str, Showing], raw: Mapping[str, Sequence[float]] | None = None) -> WorkloadResult:
    """What these servers did on a model."""
    limits = {size: list(rows) for size, rows in (raw or {}).items()}
    return WorkloadResult("small", [784, 10], 5414, dict(servers), limits, {}, objective_ms=20)


def result(**workloads: WorkloadResult) -> Result:
    """A run of three rounds."""
    made = Result(Occasion("abc1234", "2026-01-01", "2 cores; busy", "0.1"), "bench", 3, 5.0, "plimsoll")
    made.workloads = dict(workloads)
    made.tuned = {name: "as it comes" for each in workloads.values() for name in each.servers}
    return made
