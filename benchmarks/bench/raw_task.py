"""The limit of a task: its model without a server, one row at a time in each of two processes."""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Sequence
from itertools import cycle
from multiprocessing.synchronize import Barrier
from pathlib import Path

from benchmarks.bench.wires import PICTURE, Row
from benchmarks.peers.task_model import TaskModel

PROCESSES = 2
"""As many as each server has workers."""
_START_SECONDS = 300.0


def rows_per_second(bundle: Path, wire: str, rows: Sequence[Row], seconds: float) -> float:
    """How many of the rows, by turns, the model answers in a second in all processes together.

    Raises:
        threading.BrokenBarrierError: a process did not start.
        multiprocessing.TimeoutError: a process did not end.
    """
    context = multiprocessing.get_context("spawn")
    started = context.Barrier(PROCESSES, timeout=_START_SECONDS)
    with context.Pool(PROCESSES, _wait_with, (started,)) as pool:
        running = [pool.apply_async(_one_process, (bundle, wire, rows, seconds)) for _ in range(PROCESSES)]
        return sum(each.get(_START_SECONDS + 10 * seconds) for each in running)


_started: Barrier


def _wait_with(started: Barrier) -> None:
    global _started  # noqa: PLW0603  # a process of a pool can be given a barrier in no other way
    _started = started


def _one_process(bundle: Path, wire: str, rows: Sequence[Row], seconds: float) -> float:
    model = TaskModel(bundle, wire)
    asked = cycle([row.values.tobytes() if wire == PICTURE else json.loads(row.text) for row in rows])
    _started.wait()
    runs, since = 0, time.perf_counter()
    while (passed := time.perf_counter() - since) < seconds:
        model([next(asked)])
        runs += 1
    return runs / passed
