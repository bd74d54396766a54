"""The files are what the code makes, here and in the chart, and they fit where Grafana finds them."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from ops.dashboards.files import BOARDS, documents, files
from tests.contracts.chart import needs_helm, objects, template
from tests.contracts.dashboards.queries import FOLDER, panels_of

LARGEST_CONFIG_MAP_BYTES = 1024 * 1024


@pytest.mark.parametrize("folder", files(), ids=lambda folder: folder.parent.name)
def test_the_files_are_what_the_code_makes(folder: Path) -> None:
    made = {name: text.encode() for name, text in files()[folder].items()}
    assert {path.name: path.read_bytes() for path in folder.glob("*.json")} == made, "run make dashboards"


@needs_helm
def test_the_chart_renders_the_same_bytes_but_for_the_name_of_the_release() -> None:
    chosen = ("--set=monitoring.dashboards.enabled=true", "--show-only=templates/dashboards.yaml", "--namespace=demo")
    maps = [document["data"] for document in objects(template(*chosen, name="x"))]
    rendered = {name: text for data in maps for name, text in data.items()}
    mark = hashlib.sha256(b"demo-x-plimsoll").hexdigest()[:8]
    assert rendered == {
        f"demo-x-plimsoll-{name}": re.sub(
            r'("title": "Plimsoll: [a-z]+)"',
            r'\1, x-plimsoll in demo"',
            re.sub(r'("uid": "plimsoll-[a-z]+)"', rf'\1-{mark}"', text),
        )
        for name, text in documents().items()
    }


@pytest.mark.parametrize("name", documents())
def test_a_board_fits_into_a_config_map(name: str) -> None:
    assert len((FOLDER / name).read_bytes()) < LARGEST_CONFIG_MAP_BYTES


def test_panels_link_to_their_runbooks_where_the_project_has_a_home() -> None:
    for board in BOARDS:
        linked = json.loads(board.document("https://example.org/plimsoll"))
        for panel in panels_of(linked):
            named = [
                line.removeprefix("Runbook: ") for line in panel["description"].splitlines() if "Runbook: " in line
            ]
            urls = [link["url"] for link in panel.get("links", [])]
            assert urls == [f"https://example.org/plimsoll/blob/main/{page}" for page in named]
