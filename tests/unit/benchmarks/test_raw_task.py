"""The speed of a task's model without a server."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from benchmarks.bench.raw_task import rows_per_second
from benchmarks.bench.workloads import GARMENTS, SENTIMENT, Workload
from benchmarks.server import REPOSITORY


@pytest.mark.parametrize("workload", [SENTIMENT, GARMENTS], ids=lambda workload: workload.name)
def test_the_rows_of_all_processes_are_counted(workload: Workload) -> None:
    assert rows_per_second(workload.bundle, workload.wire, 0.2, processes=2) > 1


def test_the_program_prints_rows_per_second() -> None:
    command = [sys.executable, "-m", "benchmarks.bench.raw_task", str(SENTIMENT.bundle), SENTIMENT.wire, "0.1"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=100)
    assert json.loads(done.stdout)["rows_per_second"] > 1
