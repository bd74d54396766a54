"""What an expression in PromQL mentions, read from its syntax tree."""

from __future__ import annotations

import promql_parser

METRIC = "__name__"


def selectors(expr: str) -> list[promql_parser.VectorSelector]:
    """Every selector in `expr`, also inside ranges and subqueries. Raises ValueError where it does not parse."""
    found: list[promql_parser.VectorSelector] = []

    def visit(node: promql_parser.Expr) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            found.append(node)
        elif isinstance(node, promql_parser.MatrixSelector):
            found.append(node.vector_selector)

    promql_parser.walk(promql_parser.parse(expr), visit)
    return found


def metric_names(expr: str) -> set[str]:
    """The names of the series that `expr` reads; one that is matched as `__name__` counts as written there."""
    names = set()
    for selector in selectors(expr):
        matched = [matcher.value for matcher in selector.matchers.matchers if matcher.name == METRIC]
        names.update([selector.name] if selector.name else matched)
    return names
