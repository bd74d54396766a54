"""The parts of a query that the linter looks at."""

from __future__ import annotations

import re

import promql_parser

from tests.contracts.dashboards.queries import concrete

_COUNTER = re.compile(r"_(total|count|sum|bucket)$")


def nodes(expr: str) -> list[promql_parser.Expr]:
    """Every node of the syntax tree, each before those below it. Raises ValueError where it does not parse."""
    found: list[promql_parser.Expr] = []
    promql_parser.walk(promql_parser.parse(concrete(expr)), found.append)
    return found


def selectors(expr: str) -> list[promql_parser.VectorSelector]:
    """Every selector."""
    return [node for node in nodes(expr) if isinstance(node, promql_parser.VectorSelector)]


def divisors(expr: str) -> list[promql_parser.VectorSelector]:
    """Every selector in what something is divided by."""
    found: list[promql_parser.Expr] = []
    for node in nodes(expr):
        if isinstance(node, promql_parser.BinaryExpr) and str(node.op) == "/":
            promql_parser.walk(node.rhs, found.append)
    return [node for node in found if isinstance(node, promql_parser.VectorSelector)]


def chosen_labels(selector: promql_parser.VectorSelector) -> set[str]:
    """The labels that match one of the board's variables, which is `.*` for All."""
    return {matcher.name for matcher in selector.matchers.matchers if matcher.value == ".*"}


def calls(expr: str, *functions: str) -> list[promql_parser.Call]:
    """Every call of one of the functions."""
    return [node for node in nodes(expr) if isinstance(node, promql_parser.Call) and node.func.name in functions]


def ranges(expr: str) -> list[str]:
    """What stands in square brackets, as it is written, outside of strings."""
    return re.findall(r"\[(.*?)\]", re.sub(r'"(?:[^"\\]|\\.)*"', '""', expr))


def counters_as_they_are(expr: str) -> list[str]:
    """Names of counters whose ever growing value is used; a range selector's own selector follows it in the walk."""
    found = nodes(expr)
    return [
        node.name or ""
        for before, node in zip([None, *found], found, strict=False)
        if isinstance(node, promql_parser.VectorSelector)
        and not isinstance(before, promql_parser.MatrixSelector)
        and is_counter(node.name)
    ]


def is_counter(name: str | None) -> bool:
    """Whether a metric of that name only grows. Recorded series, which have colons, are rates already."""
    return bool(name) and ":" not in (name or "") and bool(_COUNTER.search(name or ""))


def joins_on(expr: str, label: str) -> bool:
    """Whether the query keeps only what has a partner, `and on (…, label, …)`."""
    return any(
        isinstance(node, promql_parser.BinaryExpr)
        and str(node.op) == "and"
        and node.modifier is not None
        and node.modifier.matching is not None
        and node.modifier.matching.type == promql_parser.LabelModifierType.Include
        and label in node.modifier.matching.labels
        for node in nodes(expr)
    )


def is_sum_of_bucket_rates(node: promql_parser.Expr) -> bool:
    """Whether it is `sum by (le, …) (rate(…_bucket[…]))`."""
    if not isinstance(node, promql_parser.AggregateExpr) or str(node.op) != "sum" or node.modifier is None:
        return False
    inner = node.expr
    return (
        node.modifier.type == promql_parser.AggModifierType.By
        and "le" in node.modifier.labels
        and isinstance(inner, promql_parser.Call)
        and inner.func.name in ("rate", "increase")
        and (inner.args[0].vector_selector.name or "").endswith("_bucket")
    )
