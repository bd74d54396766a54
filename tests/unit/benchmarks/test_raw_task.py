"""The speed of a task's model without a server."""

from __future__ import annotations

import pytest

from benchmarks.bench.raw_task import rows_per_second
from benchmarks.bench.workloads import GARMENTS, SENTIMENT, Workload, rows_of


@pytest.mark.parametrize("workload", [SENTIMENT, GARMENTS], ids=lambda workload: workload.name)
def test_the_rows_of_all_processes_are_counted(workload: Workload) -> None:
    assert rows_per_second(workload.bundle, workload.wire, rows_of(workload).rows, 0.2) > 1
