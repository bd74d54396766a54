"""The limit of a task: its model without a server, one row at a time in each of two processes.

`python -m benchmarks.bench.raw_task BUNDLE WIRE SECONDS` writes one line of JSON: rows per second of both together.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
import time
from itertools import cycle
from multiprocessing.synchronize import Barrier
from pathlib import Path

from benchmarks.bench.task_rows import task_rows
from benchmarks.bench.wires import PICTURE
from benchmarks.peers.task_model import TaskModel

PROCESSES = 2
"""As many as each server has workers."""
_ROWS = 64
_START_SECONDS = 300.0


def rows_per_second(bundle: Path, wire: str, seconds: float, processes: int = PROCESSES) -> float:
    """How many rows the model answers in a second, in so many processes at once.

    Raises:
        threading.BrokenBarrierError: a process did not start.
        multiprocessing.TimeoutError: a process did not end.
    """
    context = multiprocessing.get_context("spawn")
    started = context.Barrier(processes, timeout=_START_SECONDS)
    with context.Pool(processes, _wait_with, (started,)) as pool:
        running = [pool.apply_async(_one_process, (bundle, wire, seconds)) for _ in range(processes)]
        return sum(each.get(_START_SECONDS + 10 * seconds) for each in running)


_started: Barrier


def _wait_with(started: Barrier) -> None:
    global _started  # noqa: PLW0603  # a process of a pool can be given a barrier in no other way
    _started = started


def _one_process(bundle: Path, wire: str, seconds: float) -> float:
    rows, _ = task_rows(bundle, wire, _ROWS)
    model = TaskModel(bundle, wire)
    asked = cycle([row.values.tobytes() if wire == PICTURE else json.loads(row.text) for row in rows])
    _started.wait()
    runs, since = 0, time.perf_counter()
    while (passed := time.perf_counter() - since) < seconds:
        model([next(asked)])
        runs += 1
    return runs / passed


def main(arguments: list[str]) -> None:
    """Measure once."""
    bundle, wire, seconds = arguments
    sys.stdout.write(json.dumps({"rows_per_second": rows_per_second(Path(bundle), wire, float(seconds))}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
