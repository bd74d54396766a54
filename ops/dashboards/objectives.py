"""What the recording rules know of the objectives: budgets of 30 days, and how fast they burn."""

from __future__ import annotations

from ops.dashboards.panels import BAD, GOOD, WARN, Figure, Graph, Query
from ops.dashboards.promql import budget_spent, highest, series

# The long window of each of the alerts' pairs; the short ones only make an alert end soon.
WINDOWS = {"1 h": "1h", "6 h": "6h", "1 d": "1d", "3 d": "3d"}
# What the alerts compare with: two pages, two tickets.
BURN_RATES = (1.0, 3.0, 6.0, 14.4)


def budget_left(objective: str) -> Query:
    """What the worst service has left of 30 days' budget."""
    return Query(f"1 - {budget_spent(objective, '30d')}", objective)


def burn_rates(objective: str) -> list[Query]:
    """How many times too fast the worst service spends its budget, over the windows of the alerts."""
    return [Query(budget_spent(objective, window), name) for name, window in WINDOWS.items()]


OBJECTIVE = Query(highest(series("plimsoll_objective_seconds")), "objective")

BUDGETS_LEFT = [
    Figure(
        "Availability budget left",
        [budget_left("availability")],
        unit="percentunit",
        decimals=1,
        steps=((None, BAD), (0, WARN), (0.5, GOOD)),
        nothing="no traffic",
        says="What the worst of the chosen services has left of the failures that its objective allows in 30 days, "
        "whatever model is chosen. Below zero it is missed. Prometheus may remember less than 30 days.",
        runbooks=("PlimsollAvailabilityBudgetBurn",),
    ),
    Figure(
        "Latency budget left",
        [budget_left("latency")],
        unit="percentunit",
        decimals=1,
        steps=((None, BAD), (0, WARN), (0.5, GOOD)),
        nothing="no traffic",
        says="What the worst of the chosen services has left of the slow answers that its objective allows in 30 days, "
        "whatever model is chosen. Below zero it is missed. Prometheus may remember less than 30 days.",
        runbooks=("PlimsollLatencyBudgetBurn",),
    ),
]

BUDGETS = [
    Graph(
        "Availability budget: how fast it burns",
        burn_rates("availability"),
        unit="none",
        lines=BURN_RATES,
        says="1 spends the budget of 30 days in exactly 30 days. Of the worst chosen service; alerts page above 14.4 "
        "(1 h) and 6 (6 h), and write a ticket above 3 (1 d) and 1 (3 d).",
        runbooks=("PlimsollAvailabilityBudgetBurn",),
    ),
    Graph(
        "Latency budget: how fast it burns",
        burn_rates("latency"),
        unit="none",
        lines=BURN_RATES,
        says="The same for answers slower than the objective.",
        runbooks=("PlimsollLatencyBudgetBurn",),
    ),
    Graph(
        "Budget left",
        [budget_left("availability"), budget_left("latency")],
        unit="percentunit",
        from_zero=False,
        says="What is left of the budgets of the last 30 days, of the worst chosen service.",
        runbooks=("PlimsollAvailabilityBudgetBurn", "PlimsollLatencyBudgetBurn"),
    ),
]
