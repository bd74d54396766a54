"""Every check notices a board that is broken in its way."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from tests.contracts.dashboards import lint
from tests.contracts.dashboards.queries import Board, Panel, boards, panels_of

GOOD = boards()["serving"]
Breakage = Callable[[Board], Any]
BROKEN: list[tuple[lint.Check, Breakage]] = []


def breaks(check: lint.Check) -> Callable[[Breakage], Breakage]:
    def register(breakage: Breakage) -> Breakage:
        BROKEN.append((check, breakage))
        return breakage

    return register


def panel(board: Board, title: str) -> Panel:
    return next(panel for panel in panels_of(board) if panel["title"] == title)


def asks(board: Board, expr: str) -> None:
    panel(board, "Requests")["targets"][0]["expr"] = expr


MATCHED = 'cluster=~"$cluster", namespace=~"$namespace", service=~"$service", model=~"$model", version=~"$version"'
BUCKETS = f"plimsoll_request_duration_seconds_bucket{{{MATCHED}}}[$__rate_interval]"


@breaks(lint.the_board_has_what_links_and_grafana_rely_on)
def a_uid_that_is_too_long(board: Board) -> None:
    board["uid"] = "plimsoll-" + "x" * 32


@breaks(lint.the_board_has_what_links_and_grafana_rely_on)
def another_schema(board: Board) -> None:
    board["schemaVersion"] = 36


@breaks(lint.the_board_has_what_links_and_grafana_rely_on)
def no_way_to_the_other_boards(board: Board) -> None:
    del board["links"]


@breaks(lint.the_board_cannot_be_edited)
def a_board_that_can_be_edited(board: Board) -> None:
    board["editable"] = True


@breaks(lint.the_data_source_is_chosen)
def no_choice_of_a_data_source(board: Board) -> None:
    del board["templating"]["list"][0]


@breaks(lint.the_variables_narrow_each_other)
def no_way_to_choose_all(board: Board) -> None:
    board["templating"]["list"][2]["includeAll"] = False


@breaks(lint.the_variables_narrow_each_other)
def namespaces_of_when_the_board_was_opened(board: Board) -> None:
    board["templating"]["list"][2]["refresh"] = 1


@breaks(lint.the_variables_narrow_each_other)
def services_of_every_namespace(board: Board) -> None:
    board["templating"]["list"][3]["query"] = 'label_values(plimsoll_build_info{cluster=~"$cluster"}, service)'


@breaks(lint.the_variables_narrow_each_other)
def no_choice_of_a_version(board: Board) -> None:
    del board["templating"]["list"][5]


@breaks(lint.panels_ask_the_chosen_data_source)
def a_panel_that_asks_one_data_source(board: Board) -> None:
    panel(board, "Durations")["datasource"] = {"type": "prometheus", "uid": "P1809F7CD0C75ACF3"}


@breaks(lint.panels_ask_the_chosen_data_source)
def a_query_that_asks_one_data_source(board: Board) -> None:
    panel(board, "Durations")["targets"][0]["datasource"] = {"type": "prometheus", "uid": "P1809F7CD0C75ACF3"}


@breaks(lint.panels_have_titles_of_their_own)
def a_panel_without_a_title(board: Board) -> None:
    panel(board, "Durations")["title"] = ""


@breaks(lint.panels_have_titles_of_their_own)
def two_panels_of_one_title(board: Board) -> None:
    panel(board, "Durations")["title"] = "Requests"


@breaks(lint.panels_say_what_they_show)
def a_panel_that_explains_nothing(board: Board) -> None:
    del panel(board, "Durations")["description"]


@breaks(lint.panels_say_what_they_show)
def a_panel_that_has_nothing_but_a_runbook(board: Board) -> None:
    panel(board, "Durations")["description"] = "\n\nRunbook: ops/runbooks/PlimsollShedding.md"


@breaks(lint.panels_have_units)
def a_panel_without_a_unit(board: Board) -> None:
    del panel(board, "Requests")["fieldConfig"]["defaults"]["unit"]


@breaks(lint.panels_have_queries)
def a_panel_that_asks_nothing(board: Board) -> None:
    panel(board, "Requests")["targets"] = []


@breaks(lint.panels_have_queries)
def two_queries_under_one_letter(board: Board) -> None:
    panel(board, "Duration of answers")["targets"][1]["refId"] = "A"


@breaks(lint.panels_have_numbers_of_their_own)
def two_panels_of_one_number(board: Board) -> None:
    panel(board, "Durations")["id"] = panel(board, "Requests")["id"]


@breaks(lint.panels_lie_side_by_side)
def a_panel_on_top_of_another(board: Board) -> None:
    panel(board, "Durations")["gridPos"]["x"] -= 1


@breaks(lint.panels_lie_side_by_side)
def a_panel_outside_of_the_grid(board: Board) -> None:
    panel(board, "Durations")["gridPos"]["w"] += 1


@breaks(lint.runbooks_are_those_of_alerts)
def a_runbook_of_no_alert(board: Board) -> None:
    panel(board, "Durations")["description"] += "\n\nRunbook: ops/runbooks/PlimsollTooSlow.md"


@breaks(lint.queries_parse)
def a_query_with_a_bracket_too_few(board: Board) -> None:
    asks(board, f"sum(rate({BUCKETS})")


@breaks(lint.queries_parse)
def a_variable_with_a_bracket_too_few(board: Board) -> None:
    board["templating"]["list"][2]["query"] = 'label_values(plimsoll_build_info{cluster=~"$cluster", namespace)'


@breaks(lint.queries_ask_for_what_is_chosen)
def a_metric_of_every_service(board: Board) -> None:
    asks(board, f"sum(rate({BUCKETS.replace('service', 'pod')}))")


@breaks(lint.queries_ask_for_what_is_chosen)
def a_metric_of_one_namespace(board: Board) -> None:
    asks(board, f"sum(rate({BUCKETS.replace('$namespace', 'default')}))")


@breaks(lint.queries_ask_for_what_is_chosen)
def a_metric_of_every_version(board: Board) -> None:
    asks(board, f"sum(rate({BUCKETS.replace('version', 'digest')}))")


@breaks(lint.queries_ask_for_what_is_chosen)
def a_part_of_every_version(board: Board) -> None:
    of_all = f"sum(rate({BUCKETS.replace('version', 'digest')}))"
    asks(board, f"{of_all} / {of_all.replace('_bucket', '_count')}")
    panel(board, "Requests")["title"] = "Requests of each version"


@breaks(lint.queries_ask_for_what_is_chosen)
def a_whole_of_every_version_where_that_is_not_meant(board: Board) -> None:
    asks(board, f"sum(rate({BUCKETS})) / sum(rate({BUCKETS.replace('version', 'digest')}))")


@breaks(lint.queries_ask_for_what_is_chosen)
def a_metric_of_every_container(board: Board) -> None:
    asks(board, 'sum(container_memory_working_set_bytes{namespace=~"$namespace"})')


@breaks(lint.queries_ask_for_what_is_chosen)
def a_metric_of_every_program(board: Board) -> None:
    asks(board, f"process_resident_memory_bytes{{{MATCHED}}}")


@breaks(lint.counters_are_rated)
def a_counter_as_it_is(board: Board) -> None:
    asks(board, f"sum(plimsoll_requests_total{{{MATCHED}}})")


@breaks(lint.counters_are_rated)
def a_gauge_that_is_rated(board: Board) -> None:
    asks(board, f"sum(rate(plimsoll_queue_depth{{{MATCHED}}}[$__rate_interval]))")


@breaks(lint.ranges_are_the_rate_interval)
def a_range_of_five_minutes(board: Board) -> None:
    asks(board, f"sum(rate({BUCKETS.replace('$__rate_interval', '5m')}))")


@breaks(lint.quantiles_are_of_summed_rates)
def a_quantile_of_each_pod(board: Board) -> None:
    asks(board, f"histogram_quantile(0.95, rate({BUCKETS}))")


@breaks(lint.quantiles_are_of_summed_rates)
def a_quantile_without_edges(board: Board) -> None:
    asks(board, f"histogram_quantile(0.95, sum by (pod) (rate({BUCKETS})))")


@breaks(lint.quantiles_are_of_summed_rates)
def a_quantile_of_means(board: Board) -> None:
    asks(board, f"histogram_quantile(0.95, avg by (le) (rate({BUCKETS})))")


@breaks(lint.quantiles_are_of_summed_rates)
def a_quantile_since_the_start(board: Board) -> None:
    asks(board, f"histogram_quantile(0.95, sum by (le) ({BUCKETS.partition('[')[0]}))")


@breaks(lint.heatmaps_are_of_buckets)
def buckets_that_are_read_as_lines(board: Board) -> None:
    panel(board, "Durations")["targets"][0]["format"] = "time_series"


@breaks(lint.heatmaps_are_of_buckets)
def a_heatmap_of_each_pod(board: Board) -> None:
    panel(board, "Durations")["targets"][0]["expr"] = f"increase({BUCKETS})"


@pytest.mark.parametrize(("check", "breakage"), BROKEN, ids=[breakage.__name__ for _, breakage in BROKEN])
def test_the_linter_notices(check: lint.Check, breakage: Breakage) -> None:
    board = deepcopy(GOOD)
    assert list(check(board)) == []
    breakage(board)
    assert list(check(board)) != []


def test_every_check_is_shown_to_bite() -> None:
    assert {check for check, _ in BROKEN} == set(lint.CHECKS)
