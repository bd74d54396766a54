"""The chart's copies of the boards and the rules, with placeholders where the chart writes a release's own values.

The chart sees no files outside itself, so `make dashboards` writes the copies into it. Templates replace a placeholder
by a value and read no PromQL.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import yaml

from ops.dashboards.board import Board

CHART = Path(__file__).parents[1] / "charts" / "plimsoll"
RULES = Path(__file__).parent / "alerts"
_RULE_FILES = ("recording.yaml", "alerts.yaml")

# In the boards: what tells the boards of two releases apart, in their uid and in their title.
_MARK = "__MARK__"
_TITLE = "__TITLE__"
# In the rules: what selects one release, the job of its targets, and the numbers of its values.
_SERIES = {'service=~".*"': "__RELEASE__", 'job="plimsoll"': "__JOB__"}
_NUMBERS = {
    "plimsoll:availability_budget:ratio": "__AVAILABILITY_BUDGET__",
    "plimsoll:latency_budget:ratio": "__LATENCY_BUDGET__",
    "plimsoll:canary_weight:ratio": "__CANARY_SHARE__",
}


def home() -> str | None:
    """Where the pages of the project are, by Chart.yaml; none while that is the reserved example.org."""
    address: str | None = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8")).get("home")
    return None if address is None or "//example.org" in address else address


def board_copy(board: Board) -> str:
    """The board as the chart has it."""
    return replace(board, name=board.name + _MARK, title=board.title + _TITLE).document(home())


def rule_copies() -> dict[str, str]:
    """The text of each rule file as the chart has it, by its name; without the comments."""
    return {name: _with_placeholders(name, (RULES / name).read_text(encoding="utf-8")) for name in _RULE_FILES}


def write_rules() -> None:
    """Write the chart's copies of the rules."""
    for name, text in rule_copies().items():
        (CHART / "rules" / name).write_text(text, encoding="utf-8")


def _with_placeholders(name: str, text: str) -> str:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    head = [f"# Made from ops/alerts/{name} by `make dashboards`. prometheusrule.yaml writes values for the __NAMES__."]
    text = "\n".join([*head, *lines]) + "\n"
    for series, placeholder in _SERIES.items():
        text = text.replace(series, placeholder)
    for record, placeholder in _NUMBERS.items():
        text = re.sub(rf"(- record: {record}\n +expr: )[0-9.]+", rf"\g<1>{placeholder}", text)
    return text
