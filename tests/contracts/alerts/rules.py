"""The rule files, and the parts of an alert's expression that have values also while it is silent."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import promql_parser
import yaml

from tests.contracts.generated import REPOSITORY
from tests.contracts.promql import selectors

ALERTS = REPOSITORY / "ops" / "alerts"
RUNBOOKS = REPOSITORY / "ops" / "runbooks"
RULE_FILES = (ALERTS / "recording.yaml", ALERTS / "alerts.yaml")
_COMPARISONS = {"==", "!=", ">", "<", ">=", "<="}

Kind = Literal["record", "alert"]


def rules(*paths: Path) -> list[dict[str, Any]]:
    """Every rule in these files, all of ours unless told otherwise, in their order."""
    files = [yaml.safe_load(path.read_text()) for path in paths or RULE_FILES]
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


def rule_expressions() -> list[tuple[Kind, str, str]]:
    """Kind, name and expression of every rule; an alert of several rules comes once for each."""
    kinds: dict[bool, Kind] = {True: "record", False: "alert"}
    return [(kinds["record" in rule], rule.get("record") or rule["alert"], rule["expr"]) for rule in rules()]


def without_comparison(expr: str) -> list[str]:
    """The vectors that an alert compares, each an expression of its own that gives something while all is well.

    `a > 2 * b and c >= 10` gives a, 2 * b and c; `absent(a)` gives a.
    """
    return [part.prettify().strip() for part in _compared(promql_parser.parse(expr))]


def _compared(node: promql_parser.Expr) -> list[promql_parser.Expr]:
    if isinstance(node, promql_parser.ParenExpr):
        return _compared(node.expr)
    if isinstance(node, promql_parser.Call) and node.func.name == "absent":
        return _compared(node.args[0])
    if isinstance(node, promql_parser.BinaryExpr):
        if str(node.op) in {"and", "or"} | _COMPARISONS:
            return [part for side in (node.lhs, node.rhs) for part in _compared(side)]
        if str(node.op) == "unless":
            return _compared(node.lhs)
    return [node] if selectors(node.prettify()) else []
