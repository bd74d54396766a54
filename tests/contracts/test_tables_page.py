"""The commands and figures of docs/tables.md."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from plimsoll.bundle.folder import open_bundle

from tests.contracts.generated import REPOSITORY
from tests.contracts.pages import blocks
from tests.integration.served_process import ServedProcess

MODELS = REPOSITORY / "examples" / "models"


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl: apt install curl")
def test_the_requests_of_the_page_are_answered_as_it_says(tmp_path: Path) -> None:
    for name in ("bike-hire", "credit-risk"):
        (tmp_path / name).symlink_to(MODELS / name)
    served = ServedProcess(models=tmp_path)
    served.start()
    try:
        url = served.ready()
        (block,) = blocks("tables.md", "Try it")
        one, two, loan, refused = (
            json.loads(
                subprocess.run(
                    ["bash", "-euc", command.replace("http://127.0.0.1:8000", url)],
                    capture_output=True, text=True, check=True, timeout=60,
                ).stdout
            )
            for command in block.strip().splitlines()
        )  # fmt: skip
    finally:
        served.kill()
    page = (REPOSITORY / "docs" / "tables.md").read_text()
    (prediction,) = one["predictions"]
    interval = prediction["interval"]["hires"]
    shown = {name: round(interval[name], 1) for name in ("low", "high")} | {"level": 0.9}
    said = {"values": {"hires": round(prediction["values"]["hires"], 1)}, "interval": {"hires": shown}}
    assert json.dumps(said, separators=(",", ":")) in page
    assert len(two["predictions"]) == 2
    assert loan["predictions"][0]["class"] in ("bad", "good")
    refused["error"]["request_id"] = "…"
    assert json.dumps(refused, separators=(",", ":"), ensure_ascii=False) in page


@pytest.mark.parametrize(("name", "version"), [("bike-hire", "1"), ("bike-hire", "2"), ("credit-risk", "1")])
def test_the_figures_of_the_page_are_those_of_the_manifests(name: str, version: str) -> None:
    page = (REPOSITORY / "docs" / "tables.md").read_text()
    for title, metric in open_bundle(MODELS / name / version).manifest.metrics.items():
        ends = f"{metric.low:.3f} to {metric.high:.3f}"
        assert f"| {name} {version} | {title} | {metric.value:.3f} | {ends} | {metric.rows} |" in page
