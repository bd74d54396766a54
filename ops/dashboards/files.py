"""The files that the boards become: here, and with placeholders in the chart, which sees no files outside itself."""

from __future__ import annotations

from pathlib import Path

from ops.chart_files import CHART, board_copy, home
from ops.dashboards.autoscaling import AUTOSCALING
from ops.dashboards.board import Board
from ops.dashboards.resources import RESOURCES
from ops.dashboards.rollout import ROLLOUT
from ops.dashboards.serving import SERVING

BOARDS: tuple[Board, ...] = (SERVING, ROLLOUT, AUTOSCALING, RESOURCES)


def documents() -> dict[str, str]:
    """The text of each file by its name. Panels link to their runbooks once the project has a home."""
    return {f"{board.name}.json": board.document(home()) for board in BOARDS}


def files() -> dict[Path, dict[str, str]]:
    """The text of each file by its folder and its name."""
    copies = {f"{board.name}.json": board_copy(board) for board in BOARDS}
    return {Path(__file__).parent: documents(), CHART / "dashboards": copies}


def write() -> None:
    """Write each file into its folder."""
    for folder, texts in files().items():
        folder.mkdir(exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
