"""What one request costs on the way through a served small model, and where that goes.

Run by `python -m benchmarks.hot_path --transcript benchmarks/results/hot-path.md`; needs `wrk` (apt install wrk). The
server has one core and the load generator the other, so that what is measured is the server's and not the scheduler's.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from benchmarks.findings import Findings
from benchmarks.pinned import CONNECTIONS, PATH, Pinned, run_in_rounds, small_server
from benchmarks.stacks import self_time_by_part

_SAMPLES_PER_SECOND = 400
_WAITS = re.compile(
    r"(_worker \(concurrent/futures/thread\.py:\d+\)|run \(plimsoll/inference/model_thread\.py:\d+\)"
    r"|keep_looking \(plimsoll/inference/watchdog\.py:\d+\);wait [^;]*(;.*)?|WorkerThread\.run \(anyio/[^;]*(;.*)?)$"
)
"""Threads of a pool, of a model, of the watchdog and of file watching that wait; py-spy takes that for work."""


def main() -> int:
    """Measure, show and write down."""
    return run_in_rounds("Hot path", "hot_path", __doc__ or "", _measured, rounds=3, seconds=10.0)


def _measured(rounds: int, seconds: float) -> Findings:
    findings = Findings(
        "hot path",
        f"digits 1, a perceptron, on one row of 784 numbers; POST {PATH} over {CONNECTIONS} kept connections; "
        f"{rounds} rounds of {seconds:g} s; one core for the server, another for wrk",
    )
    with tempfile.TemporaryDirectory() as folder, small_server(Path(folder)) as server:
        pinned = Pinned(server)
        pinned.load(seconds / 2)  # caches and branch predictors learn
        measured = [pinned.round(seconds) for _ in range(rounds)]
        stacks = _sampled(pinned, seconds, Path(folder) / "stacks.txt")
    loads, costs = [each.load for each in measured], [each.cpu_us for each in measured]
    cost = statistics.median(costs)
    findings.none(
        "answers that are not 200", sum(load.failures for load in loads), sum(load.requests for load in loads)
    )
    findings.note("CPU per request, median of the rounds", f"{cost:.0f} us ({min(costs):.0f} to {max(costs):.0f})")
    findings.note("requests per second", f"{statistics.median(load.per_second for load in loads):.0f}")
    findings.note("latency, p50 / p99", f"{loads[-1].p50_ms:.2f} / {loads[-1].p99_ms:.2f} ms")
    findings.note("samples of the profile", f"{stacks.total()}, by py-spy, in a round of its own")
    for part, share in self_time_by_part(stacks):
        findings.note(f"profile: {part}", f"{share:.1%}, {share * cost:.0f} us")
    return findings


def _sampled(pinned: Pinned, seconds: float, raw: Path) -> Counter[str]:
    """The stacks of the server under the same load, and how often each was seen at work."""
    program = Path(sys.executable).with_name("py-spy")
    command = [str(program), "record", "--pid", str(pinned.pid), "--format", "raw", "--output", str(raw)]
    command += ["--duration", str(int(seconds)), "--rate", str(_SAMPLES_PER_SECOND)]
    with subprocess.Popen(  # noqa: S603  # our own command
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as profiler:
        os.sched_setaffinity(profiler.pid, [1])
        pinned.load(seconds + 1)
        if profiler.wait(60):
            raise RuntimeError("py-spy could not look into the server; it needs the right to trace a process (ptrace)")
    stacks: Counter[str] = Counter()
    for line in raw.read_text(encoding="utf-8").splitlines():
        stack, _, count = line.rpartition(" ")
        if not _WAITS.search(stack):
            stacks[stack] += int(count)
    return stacks


if __name__ == "__main__":
    sys.exit(main())
