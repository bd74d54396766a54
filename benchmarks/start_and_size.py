"""How long the service takes to be ready, what it holds when idle, and which packages its start is spent on.

Run by `python -m benchmarks.start_and_size --transcript benchmarks/results/start-and-size.md`. A cold start has none of
the files in memory that the process had mapped, nor of the packages that they belong to.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from functools import partial
from pathlib import Path

import psutil

from benchmarks.bench.standing import spread
from benchmarks.findings import Findings
from benchmarks.measures import MEBIBYTE
from benchmarks.pinned import PERCEPTRON
from benchmarks.report import run_and_tell
from benchmarks.server import REPOSITORY, Server

_IDLE_SECONDS = 2.0
_MOST_IDLE_MIB = 300
_HEAVIEST = 10
_IMPORTS = "import plimsoll.application, plimsoll.server.uvicorn_server"


def main() -> int:
    """Measure, show and write down."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.start_and_size", description=__doc__)
    parser.add_argument("--starts", type=int, default=5, help="how often it is started, cold and warm")
    parser.add_argument("--transcript", type=Path, help="write what was found into this file, as Markdown")
    options = parser.parse_args()
    command = f"{parser.prog} --starts {options.starts}"
    return run_and_tell("Start and size", command, [partial(_measured, options.starts)], options.transcript)


def _measured(starts: int) -> Findings:
    findings = Findings(
        "start and size", f"digits 1, one process; {starts} starts each; ready is /readyz answering 200"
    )
    warm, idle, own, files = [], [], [], set[str]()
    for _ in range(starts + 1):
        seconds, resident, unshared = _start(files)
        warm.append(seconds)
        idle.append(resident / MEBIBYTE)
        own.append(unshared / MEBIBYTE)
    cold = []
    for _ in range(starts):
        _forget(files)
        cold.append(_start(set())[0])
    findings.at_most("idle memory, resident", statistics.median(idle), _MOST_IDLE_MIB, "MiB")
    findings.note("idle memory, its own alone", f"{statistics.median(own):.0f} MiB")
    findings.note("from exec to ready, files in memory", f"{spread(warm[1:])} s")  # the first one brought them there
    findings.note("from exec to ready, files on disk", f"{spread(cold)} s")
    imports = _import_microseconds()
    findings.note("imports, all", f"{imports.total() / 1e6:.2f} s, as `python -X importtime` counts")
    for package, microseconds in imports.most_common(_HEAVIEST):
        findings.note(f"import {package}", f"{microseconds / 1000:.0f} ms")
    return findings


def _start(files: set[str]) -> tuple[float, int, int]:
    """Seconds to ready of a new process, and the bytes that it holds when idle, all and its own.

    Adds the files that it has mapped to `files`.
    """
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        with Server(REPOSITORY / "models", Path(folder), {}, PERCEPTRON) as server:
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


def _import_microseconds() -> Counter[str]:
    """Microseconds that each top-level package's own modules take to be imported."""
    done = subprocess.run(  # noqa: S603  # our own command
        [sys.executable, "-X", "importtime", "-c", _IMPORTS], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    found: Counter[str] = Counter()
    for line in done.stderr.splitlines():
        own, _, name = line.removeprefix("import time:").rpartition("|")
        first = own.partition("|")[0].strip()
        if first.isdecimal():
            found[name.strip().partition(".")[0]] += int(first)
    return found


if __name__ == "__main__":
    sys.exit(main())
