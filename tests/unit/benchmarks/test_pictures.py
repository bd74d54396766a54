"""The pictures of docs/ take their numbers from the committed results."""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks.pictures import (
    CLUSTER_RESULTS,
    RESULTS,
    draw_failures,
    draw_request_cost,
    draw_throughput,
    failures,
    latest_bench,
    stages,
)

TRANSCRIPT = """\
Commit 6d10d7a; 2026-11-27 18:45 UTC; Kubernetes v1.37.2, Helm v4.3.

| what | value |
|---|---|
| image, unpacked | 1074 MB |
| canary with autoscalers: upgrades | 3 and 2 pods, weights 75 and 25; 5508 sent, 0 failed |
| requests over: kill a server | 2231 sent in open loop, 15 failed (226a1f5, 2026-11-28; 31 of 2228 before) |
"""


def test_counts_are_read_with_the_event_that_they_belong_to() -> None:
    assert failures(TRANSCRIPT) == {"canary with autoscalers: upgrades": (5508, 0), "kill a server": (2231, 15)}


def test_every_count_of_the_committed_transcript_is_found() -> None:
    transcript = (CLUSTER_RESULTS / "e2e-full.md").read_text()
    assert len(failures(transcript)) == len(re.findall(r"\d failed", transcript))


def test_the_stages_of_a_request_add_up_to_its_cost() -> None:
    assert sum(stages((RESULTS / "hot-path.md").read_text()).values()) in range(117, 124)


def test_every_picture_is_drawn(tmp_path: Path) -> None:
    draw_throughput(latest_bench(), tmp_path / "throughput.png")
    draw_request_cost((RESULTS / "hot-path.md").read_text(), tmp_path / "request-cost.png")
    draw_failures((CLUSTER_RESULTS / "e2e-full.md").read_text(), tmp_path / "failures.png")
    assert all(
        (tmp_path / f"{name}.png").read_bytes()[:4] == b"\x89PNG" for name in ("throughput", "request-cost", "failures")
    )
