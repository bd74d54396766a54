"""How long the service takes to be ready, what its start consists of, and what it holds when idle.

Run by `python -m benchmarks.start_and_size --transcript benchmarks/results/start-and-size.md`. A cold start has none of
the files in memory that the process had mapped, nor of the packages that they belong to. Of each stage the CPU time is
told too, because it is less at the mercy of what else the machine does.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import psutil

from benchmarks.bench.standing import spread
from benchmarks.findings import Findings
from benchmarks.measures import MEBIBYTE
from benchmarks.pinned import PERCEPTRON
from benchmarks.report import run_and_tell
from benchmarks.server import REPOSITORY, Server
from benchmarks.timed_start import STAGES_FILE

_IDLE_SECONDS = 2.0


class Start(NamedTuple):
    """What is started, and within which bounds it must be ready, in seconds, and idle, in MiB."""

    scenario: str
    models: Path
    desired: str | None
    most_seconds: float
    most_idle_mib: float


_STARTS = [
    Start("a torch bundle, digits 1", REPOSITORY / "models", PERCEPTRON, 2.3, 300),
    Start("an ONNX bundle, digits 2", REPOSITORY / "examples" / "onnx-models", None, 1.5, 150),
]


class Stage(NamedTuple):
    """One stage of one start: how long it took, and the CPU time in it."""

    name: str
    seconds: float
    cpu_seconds: float


def main() -> int:
    """Measure, show and write down."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.start_and_size", description=__doc__)
    parser.add_argument("--starts", type=int, default=5, help="how often each is started, cold, warm and by stages")
    parser.add_argument("--transcript", type=Path, help="write what was found into this file, as Markdown")
    options = parser.parse_args()
    command = f"{parser.prog} --starts {options.starts}"
    scenarios = [partial(_measured, start, options.starts) for start in _STARTS]
    return run_and_tell("Start and size", command, scenarios, options.transcript)


def _measured(start: Start, starts: int) -> Findings:
    setting = f"one process; {starts} starts each; ready is /readyz answering 200, asked every 50 ms"
    findings = Findings(start.scenario, setting)
    warm, idle, own, files = [], [], [], set[str]()
    for _ in range(starts + 1):
        seconds, resident, unshared = _start(start, files)
        warm.append(seconds)
        idle.append(resident / MEBIBYTE)
        own.append(unshared / MEBIBYTE)
    cold = []
    for _ in range(starts):
        _forget(files)
        cold.append(_start(start, set())[0])
    warmed = spread(warm[1:])  # the first one brought the files into memory
    findings.at_most("from exec to ready, files in memory", statistics.median(warm[1:]), start.most_seconds, "s")
    findings.at_most("idle memory, resident", statistics.median(idle), start.most_idle_mib, "MiB")
    findings.note("idle memory, its own alone", f"{statistics.median(own):.0f} MiB")
    findings.note("from exec to ready, files in memory", f"{warmed} s")
    findings.note("from exec to ready, files on disk", f"{spread(cold)} s")
    for name, value in told(by_stage([_stages(start) for _ in range(starts)])):
        findings.note(name, value)
    return findings


def by_stage(starts: Sequence[Sequence[Stage]]) -> list[Stage]:
    """The stages, each with the medians of all starts."""
    return [
        Stage(
            same[0].name,
            statistics.median(each.seconds for each in same),
            statistics.median(each.cpu_seconds for each in same),
        )
        for same in zip(*starts, strict=True)
    ]


def told(stages: Sequence[Stage]) -> list[tuple[str, str]]:
    """A line for each stage, and one for their sum."""
    whole = Stage("all stages", sum(each.seconds for each in stages), sum(each.cpu_seconds for each in stages))
    numbered = [each._replace(name=f"stage {at}: {each.name}") for at, each in enumerate(stages, 1)]
    return [(each.name, f"{each.seconds:.2f} s, {each.cpu_seconds:.2f} s of CPU") for each in (*numbered, whole)]


def _stages(start: Start) -> list[Stage]:
    with tempfile.TemporaryDirectory() as folder:
        begun = time.time()
        with Server(start.models, Path(folder), {}, start.desired, "benchmarks.timed_start"):
            ends = json.loads((Path(folder) / STAGES_FILE).read_text(encoding="utf-8"))
    return [
        Stage(name, at - before, cpu - cpu_before)
        for (_, before, cpu_before), (name, at, cpu) in pairwise([("exec", begun, 0.0), *ends])
    ]


def _start(start: Start, files: set[str]) -> tuple[float, int, int]:
    """Seconds to ready of a new process, and the bytes that it holds when idle, all and its own.

    Adds the files that it has mapped to `files`.
    """
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        with Server(start.models, Path(folder), {}, start.desired) as server:
            seconds = time.perf_counter() - started
            time.sleep(_IDLE_SECONDS)
            process = psutil.Process(server.pid)
            files |= {each.path for each in process.memory_maps()}
            held = process.memory_full_info()
            return seconds, held.rss, held.uss


def _forget(files: set[str]) -> None:
    """Have the system drop these files from memory, and the modules of the packages that they belong to."""
    packages = {Path(file).parent for file in files if "site-packages" in file}
    sources = {str(source) for package in packages for source in package.glob("**/*.py*") if source.is_file()}
    sources |= {str(source) for source in (REPOSITORY / "service").rglob("*.py*") if source.is_file()}
    for name in files | sources:
        if not Path(name).is_file():
            continue
        opened = os.open(name, os.O_RDONLY)
        try:
            os.posix_fadvise(opened, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(opened)


if __name__ == "__main__":
    sys.exit(main())
