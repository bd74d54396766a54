"""The files that the boards become: here, and the same bytes in the chart, which sees no files outside itself."""

from __future__ import annotations

from pathlib import Path

import yaml

from ops.dashboards.autoscaling import AUTOSCALING
from ops.dashboards.board import Board
from ops.dashboards.resources import RESOURCES
from ops.dashboards.rollout import ROLLOUT
from ops.dashboards.serving import SERVING

BOARDS: tuple[Board, ...] = (SERVING, ROLLOUT, AUTOSCALING, RESOURCES)
_CHART = Path(__file__).parents[2] / "charts" / "plimsoll"
FOLDERS = (Path(__file__).parent, _CHART / "dashboards")


def documents() -> dict[str, str]:
    """The text of each file by its name. Panels link to their runbooks once Chart.yaml has a `home`."""
    home = yaml.safe_load((_CHART / "Chart.yaml").read_text()).get("home")
    return {f"{board.name}.json": board.document(home) for board in BOARDS}


def write() -> None:
    """Write each file into both folders."""
    for name, text in documents().items():
        for folder in FOLDERS:
            folder.mkdir(exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
