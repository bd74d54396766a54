"""Every board passes every check."""

from __future__ import annotations

import pytest

from tests.contracts.dashboards.lint import CHECKS, RUNBOOKS, Check, runbooks_of
from tests.contracts.dashboards.queries import board_queries, boards, metric_names, panels_of, variable_queries


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", boards())
def test_of_every_board(name: str, check: Check) -> None:
    assert list(check(boards()[name])) == []


def test_every_alert_has_a_panel_to_look_at() -> None:
    assert {
        name for board in boards().values() for panel in panels_of(board) for name in runbooks_of(panel)
    } == RUNBOOKS


def test_every_board_is_there_and_asks_something() -> None:
    assert (
        set(boards())
        == {"serving", "rollout", "autoscaling", "resources"}
        == {board for board, _, _ in board_queries()}
    )


def test_every_query_names_a_metric() -> None:
    for board, panel, expr in [*board_queries(), *variable_queries()]:
        assert metric_names(expr), (board, panel)
