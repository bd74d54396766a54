"""What the committed boards ask Prometheus, for the linter and for whoever asks a real one."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.contracts import promql
from tests.contracts.generated import REPOSITORY

FOLDER = REPOSITORY / "ops" / "dashboards"
# What Grafana puts in place of its own variables. All others stand for All, which is `.*` in every one of ours.
BUILT_IN = {"__rate_interval": "5m", "__range": "1h", "__interval": "1m"}

Board = dict[str, Any]
Panel = dict[str, Any]


def boards() -> dict[str, Board]:
    """Every board by its name."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))}


def panels_of(board: Board) -> list[Panel]:
    """Every panel, also those in closed rows; the rows themselves are none."""
    everything = [inner for panel in board["panels"] for inner in (panel, *panel.get("panels", []))]
    return [panel for panel in everything if panel["type"] != "row"]


def queries_of(board: Board) -> list[tuple[str, str]]:
    """(panel's title, expression) of every query, with Grafana's variables in it."""
    return [(panel["title"], target["expr"]) for panel in panels_of(board) for target in panel.get("targets", [])]


def variables_of(board: Board) -> list[tuple[str, str]]:
    """(`$name`, selector) of every variable whose values are a label's."""
    return [
        (f"${variable['name']}", found[1])
        for variable in board["templating"]["list"]
        if (found := re.fullmatch(r"label_values\((.+), \w+\)", variable["query"]))
    ]


def board_queries() -> list[tuple[str, str, str]]:
    """(board, panel, expression) of every query of every committed board, with Grafana's variables in it."""
    return [(name, panel, expr) for name, board in boards().items() for panel, expr in queries_of(board)]


def variable_queries() -> list[tuple[str, str, str]]:
    """(board, `$name`, selector) of every variable of every committed board: what its values are read from."""
    return [(name, variable, expr) for name, board in boards().items() for variable, expr in variables_of(board)]


def concrete(expr: str) -> str:
    """The expression as Prometheus gets it where All is chosen everywhere; `$1` of label_replace stays."""
    return re.sub(r"\$\{?([a-zA-Z_]\w*)\}?", lambda found: BUILT_IN.get(found[1], ".*"), expr)


def metric_names(expr: str) -> set[str]:
    """The names of the series that an expression reads, with or without Grafana's variables in it."""
    return promql.metric_names(concrete(expr))
