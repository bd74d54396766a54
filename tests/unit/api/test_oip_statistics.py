"""Statistics of versions in Triton's form, from the figures of the metrics."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from plimsoll.telemetry.version_statistics import VersionFigures

from tests.conftest import MakeBundle
from tests.doubles.models import EchoModel
from tests.unit.api.conftest import Edge
from tests.unit.services import ROW, running

PARTS = [
    "success", "fail", "queue", "compute_input", "compute_infer", "compute_output", "cache_hit", "cache_miss",
]  # fmt: skip


async def stats_of(edge: Edge, path: str) -> list[dict[str, Any]]:
    reply = await edge.client.get(f"/v2/models/{path}stats")
    assert reply.status_code == 200, reply.text
    (listed,) = reply.json().values()
    assert list(reply.json()) == ["model_stats"]
    return list(listed)


async def test_the_figures_of_a_version_are_counts_and_nanoseconds(edge: Edge) -> None:
    edge.serve("echo", "1", EchoModel())
    edge.figures["echo", "1"] = VersionFigures(
        rows=7, batches=3, forward_seconds=0.5, answered=4, answered_seconds=0.75, failed=2, waits=5,
        wait_seconds=0.25, cache_hits=1, cache_misses=6,
    )  # fmt: skip
    (stats,) = await stats_of(edge, "echo/versions/1/")
    measured = stats.pop("inference_stats")
    assert stats == {
        "name": "echo", "version": "1", "last_inference": 0, "inference_count": 7, "execution_count": 3,
        "batch_stats": [],
    }  # fmt: skip
    assert {part: (each["count"], each["ns"]) for part, each in measured.items()} == {
        "success": (4, 750_000_000), "fail": (2, 0), "queue": (5, 250_000_000), "compute_input": (0, 0),
        "compute_infer": (3, 500_000_000), "compute_output": (0, 0), "cache_hit": (1, 0), "cache_miss": (6, 0),
    }  # fmt: skip


async def test_a_version_that_was_never_asked_has_every_part_at_zero(edge: Edge) -> None:
    edge.serve("echo", "1", EchoModel())
    (stats,) = await stats_of(edge, "")
    assert list(stats["inference_stats"]) == PARTS
    assert all(each == {"count": 0, "ns": 0} for each in stats["inference_stats"].values())


@pytest.mark.parametrize(
    ("path", "listed"),
    [
        ("", [("echo", "1"), ("echo", "2"), ("stats", "1")]),
        ("echo/", [("echo", "1"), ("echo", "2")]),
        ("echo/versions/1/", [("echo", "1")]),
        ("stats/", [("stats", "1")]),
    ],
)
async def test_versions_that_answer_are_listed_and_a_model_may_be_called_stats(
    edge: Edge, path: str, listed: list[tuple[str, str]]
) -> None:
    for name, version in (("echo", "1"), ("echo", "2"), ("stats", "1")):
        edge.serve(name, version, EchoModel())
    edge.desire("echo", "3")
    assert [(each["name"], each["version"]) for each in await stats_of(edge, path)] == listed


async def test_with_nothing_loaded_the_list_is_empty(edge: Edge) -> None:
    assert await stats_of(edge, "") == []


async def test_a_real_server_counts_what_it_was_asked(tmp_path: Path, make_tiny_bundle: MakeBundle) -> None:
    make_tiny_bundle()
    began = time.time()
    async with running(tmp_path) as (_, client):
        for _ in range(3):
            assert (await client.post("/v1/predict", json={"instances": [ROW["features"]] * 2})).status_code == 200
        assert (await client.post("/v1/predict", json={"features": [1]})).status_code == 422
        (stats,) = (await client.get("/v2/models/stats")).json()["model_stats"]
    measured = stats["inference_stats"]
    assert (stats["inference_count"], stats["execution_count"]) == (6, 3)
    assert [measured[part]["count"] for part in ("success", "fail", "queue", "compute_infer")] == [3, 1, 3, 3]
    assert 0 < measured["compute_infer"]["ns"] < measured["success"]["ns"]
    assert began * 1000 - 1 <= stats["last_inference"] <= time.time() * 1000 + 1
