"""The files through which workers count together, in processes of their own: a process counts as one worker."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from plimsoll.errors import OperatorError
from plimsoll.telemetry.shared_metrics import count_as, forget, readable

PATIENCE_SECONDS = 60
WORKER = """
import sys
from pathlib import Path
from plimsoll.settings import count_together
folder, place = Path(sys.argv[1]), int(sys.argv[2])
count_together(folder)
from plimsoll.telemetry.shared_metrics import count_as
count_as(folder, place if place >= 0 else None)
from prometheus_client import Counter, Gauge
Counter("asked", "Requests.").inc(3)
Gauge("in_flight", "Requests in flight.", multiprocess_mode="livesum").set(2)
"""
SCRAPE = """
import sys
from pathlib import Path
from plimsoll.settings import count_together
count_together(Path(sys.argv[1]))
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
registry = CollectorRegistry()
MultiProcessCollector(registry)
print(generate_latest(registry).decode())
"""


def ran(code: str, *arguments: object) -> str:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE_SECONDS).stdout


def scraped(folder: Path) -> dict[str, float]:
    lines = [line.split() for line in ran(SCRAPE, folder).splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, value in lines}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "metrics"
    made.mkdir()
    return made


def test_who_takes_a_place_goes_on_with_its_counters(folder: Path) -> None:
    for place in (0, 1, 0):
        ran(WORKER, folder, place)
    assert sorted({file.name.rpartition("_")[2] for file in folder.iterdir()}) == ["0.db", "1.db"]
    assert scraped(folder)["asked_total"] == 9


def test_the_gauges_of_a_worker_that_has_ended_are_forgotten_and_its_counters_stay(folder: Path) -> None:
    for place in (0, 1):
        ran(WORKER, folder, place)
    assert scraped(folder)["in_flight"] == 4
    forget(folder, 0, process_id=1)
    found = scraped(folder)
    assert (found["in_flight"], found["asked_total"]) == (2, 6)


def test_without_a_place_a_worker_counts_under_its_process_id(folder: Path) -> None:
    ran(WORKER, folder, -1)
    assert {file.name.rpartition("_")[2].startswith("process") for file in folder.iterdir()} == {True}
    assert scraped(folder)["asked_total"] == 3


def test_a_broken_file_begins_again(folder: Path) -> None:
    ran(WORKER, folder, 0)
    (folder / "counter_0.db").write_bytes(b"\x40\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\x7f")
    assert not readable(folder / "counter_0.db")
    ran(WORKER, folder, 0)
    assert readable(folder / "counter_0.db")
    assert scraped(folder)["asked_total"] == 3


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x01",
        b"\x40\x00\x00\x00" + b"\x7f" * 100,
        b"\xff\xff\xff\xff" + bytes(100),  # -1 bytes in use
        b"\x40\x00\x00\x00" + bytes(4) + b"\xe4\xff\xff\xff" + bytes(100),  # a name of -28 bytes
    ],
)
def test_what_is_no_file_of_metrics_is_not_readable(folder: Path, content: bytes) -> None:
    (folder / "counter_0.db").write_bytes(content)
    assert not readable(folder / "counter_0.db")
    assert not readable(folder / "not_there.db")


def test_where_the_files_cannot_be_made_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"metrics of workers cannot be kept in .*gone: No such file or directory"):
        count_as(tmp_path / "gone", 0)
