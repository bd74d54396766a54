"""What holds for every board: each check yields a sentence for each thing that is wrong.

The rules of Grafana's dashboard-linter, where its `job` and `instance` are our `cluster`, `namespace` and `service`,
and a few of our own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

from tests.contracts.alerts import rules
from tests.contracts.dashboards import syntax
from tests.contracts.dashboards.queries import Board, Panel, panels_of, queries_of, variables_of

NARROWING = ["cluster", "namespace", "service", "model", "version"]
PLACE = {"cluster", "namespace", "service"}
OF_A_VERSION = {"model", "version"}
# Metrics of a process or a service, which know no model; the `version` of build_info is Plimsoll's own.
OF_A_PROCESS = re.compile(
    r"process_|plimsoll:|plimsoll_canary_|plimsoll_(background_task_restarts_total|build_info|concurrency|"
    r"connections_refused_total|file_broken|gpu_memory_bytes|objective_seconds|requests_in_flight|spans_total)"
)
RUNBOOKS = {path.stem for path in rules.RUNBOOKS.glob("*.md")}
# A share's whole may be more than what is chosen: of these panels' divisors, these labels need not be.
OF_A_WHOLE = {
    "Queue in use": OF_A_VERSION,  # requests in flight know no version either
    "Requests of each version": {"service", "version"},
    "Requests of each track": {"service", "version"},
}
CHOSEN_DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
SCHEMA_VERSION = 38

Check = Callable[[Board], Iterator[str]]


def runbooks_of(panel: Panel) -> set[str]:
    """The runbooks that a panel names."""
    return set(re.findall(r"^Runbook: ops/runbooks/(\w+)\.md$", panel.get("description", ""), re.MULTILINE))


def the_board_has_what_links_and_grafana_rely_on(board: Board) -> Iterator[str]:
    if not 8 <= len(board.get("uid", "")) <= 40 or not board["uid"].startswith("plimsoll-"):
        yield "its uid is not plimsoll-…, of at most 40 characters"
    if board.get("tags") != ["plimsoll", "pytorch", "model-serving"]:
        yield "its tags are not ours"
    if board.get("schemaVersion") != SCHEMA_VERSION:
        yield "its schema is not the one that the SDK writes"
    if (board.get("timezone"), board.get("refresh")) != ("browser", "30s"):
        yield "it does not show the reader's time, anew every 30 seconds"
    if board.get("time") != {"from": "now-1h", "to": "now"}:
        yield "it does not open on the last hour"
    if not any(link["type"] == "dashboards" and link["tags"] == ["plimsoll"] for link in board.get("links", [])):
        yield "it does not lead to the other boards"


def the_board_cannot_be_edited(board: Board) -> Iterator[str]:
    if board.get("editable") is not False:
        yield "what is changed in Grafana would be lost with the next upgrade"


def the_data_source_is_chosen(board: Board) -> Iterator[str]:
    first = board["templating"]["list"][0]
    if (first["name"], first["type"], first["query"]) != ("datasource", "datasource", "prometheus"):
        yield "the first variable is not the data source"


def the_variables_narrow_each_other(board: Board) -> Iterator[str]:
    variables: list[dict[str, Any]] = board["templating"]["list"][1:]
    if [variable["name"] for variable in variables] != NARROWING:
        yield f"the variables are not {NARROWING}"
    wanted = {"type": "query", "multi": True, "includeAll": True, "allValue": ".*", "datasource": CHOSEN_DATASOURCE}
    for variable in variables:
        if differing := [key for key, value in wanted.items() if variable.get(key) != value]:
            yield f"${variable['name']}: {differing} differ from {wanted}"
        if variable.get("refresh") != 2:
            yield f"${variable['name']} is not read anew when the time changes"
    for number, (name, selector) in enumerate(variables_of(board)):
        if missing := [outer for outer in NARROWING[:number] if f'{outer}=~"${outer}"' not in selector]:
            yield f"{name} is not narrowed by {missing}"


def panels_ask_the_chosen_data_source(board: Board) -> Iterator[str]:
    for panel in panels_of(board):
        if any(asked.get("datasource") != CHOSEN_DATASOURCE for asked in (panel, *panel.get("targets", []))):
            yield f"{panel['title']}: it does not ask ${{datasource}}"


def panels_have_titles_of_their_own(board: Board) -> Iterator[str]:
    titles = Counter(panel.get("title", "") for panel in panels_of(board))
    yield from (
        f"{title!r} is the title of {times} panels" for title, times in titles.items() if times > 1 or not title
    )


def panels_say_what_they_show(board: Board) -> Iterator[str]:
    for panel in panels_of(board):
        if not panel.get("description", "").strip().partition("\n")[0].endswith("."):
            yield f"{panel.get('title')}: its description is no sentence"


def panels_have_units(board: Board) -> Iterator[str]:
    for panel in panels_of(board):
        if not panel.get("fieldConfig", {}).get("defaults", {}).get("unit"):
            yield f"{panel['title']}: no unit"


def panels_have_queries(board: Board) -> Iterator[str]:
    for panel in panels_of(board):
        letters = [target.get("refId") for target in panel.get("targets", []) if target.get("expr", "").strip()]
        if not letters or len(set(letters)) < len(letters):
            yield f"{panel['title']}: no query, or two under one letter"


def panels_have_numbers_of_their_own(board: Board) -> Iterator[str]:
    everything = [inner for panel in board["panels"] for inner in (panel, *panel.get("panels", []))]
    numbers = Counter(panel.get("id") for panel in everything)
    yield from (f"{number} is the id of {times} panels" for number, times in numbers.items() if times > 1 or not number)


def panels_lie_side_by_side(board: Board) -> Iterator[str]:
    for panels in (board["panels"], *(row.get("panels", []) for row in board["panels"])):
        places = [(panel["title"], panel["gridPos"]) for panel in panels]
        for title, place in places:
            if place["x"] < 0 or place["x"] + place["w"] > 24:
                yield f"{title}: outside of the grid"
        for (title, one), (other_title, other) in combinations(places, 2):
            beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
            below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
            if not beside and not below:
                yield f"{title} and {other_title} overlap"


def runbooks_are_those_of_alerts(board: Board) -> Iterator[str]:
    for panel in panels_of(board):
        if unknown := runbooks_of(panel) - RUNBOOKS:
            yield f"{panel['title']}: {unknown} is no alert"


def queries_parse(board: Board) -> Iterator[str]:
    for title, expr in [*queries_of(board), *variables_of(board)]:
        try:
            syntax.nodes(expr)
        except ValueError as error:
            yield f"{title}: {error}: {expr}"


def queries_ask_for_what_is_chosen(board: Board) -> Iterator[str]:
    """Metrics of our own match the variables; those of Kubernetes and DCGM are kept where a pod of ours is.

    An autoscaler has no pod, and the name of our service.
    """
    for title, expr in queries_of(board):
        wholes = [str(selector) for selector in syntax.divisors(expr)]
        for selector in syntax.selectors(expr):
            name = selector.name or ""
            if name.startswith(("plimsoll", "process_")):
                wanted = PLACE if OF_A_PROCESS.match(name) else PLACE | OF_A_VERSION
                if str(selector) in wholes:
                    wanted = wanted - OF_A_WHOLE.get(title, set())
                if missing := wanted - syntax.chosen_labels(selector):
                    yield f"{title}: {name} is not filtered by {sorted(missing)}"
            elif not syntax.joins_on(expr, "service" if name.startswith("kube_horizontalpodautoscaler_") else "pod"):
                yield f"{title}: {name} is that of every pod of the cluster"
            if name.startswith("process_") and not syntax.joins_on(expr, "instance"):
                yield f"{title}: {name} is that of every program that exports it"


def counters_are_rated(board: Board) -> Iterator[str]:
    for title, expr in queries_of(board):
        for name in syntax.counters_as_they_are(expr):
            yield f"{title}: {name} only ever grows"
        for call in syntax.calls(expr, "rate", "increase", "irate"):
            if not syntax.is_counter(name := call.args[0].vector_selector.name):
                yield f"{title}: {call.func.name} of {name}, which is no counter"


def ranges_are_the_rate_interval(board: Board) -> Iterator[str]:
    for title, expr in queries_of(board):
        if other := set(syntax.ranges(expr)) - {"$__rate_interval"}:
            yield f"{title}: over {other}, not $__rate_interval"


def quantiles_are_of_summed_rates(board: Board) -> Iterator[str]:
    for title, expr in queries_of(board):
        for call in syntax.calls(expr, "histogram_quantile"):
            if not syntax.is_sum_of_bucket_rates(call.args[1]):
                yield f"{title}: a quantile of something else than sum by (le, …) (rate(…_bucket[…]))"


def heatmaps_are_of_buckets(board: Board) -> Iterator[str]:
    for panel in panels_of(board):
        for target in panel["targets"] if panel["type"] == "heatmap" else []:
            summed = syntax.nodes(target["expr"])[0]
            if target.get("format") != "heatmap" or not syntax.is_sum_of_bucket_rates(summed):
                yield f"{panel['title']}: no buckets, or not read as such"


CHECKS: list[Check] = [
    the_board_has_what_links_and_grafana_rely_on,
    the_board_cannot_be_edited,
    the_data_source_is_chosen,
    the_variables_narrow_each_other,
    panels_ask_the_chosen_data_source,
    panels_have_titles_of_their_own,
    panels_say_what_they_show,
    panels_have_units,
    panels_have_queries,
    panels_have_numbers_of_their_own,
    panels_lie_side_by_side,
    runbooks_are_those_of_alerts,
    queries_parse,
    queries_ask_for_what_is_chosen,
    counters_are_rated,
    ranges_are_the_rate_interval,
    quantiles_are_of_summed_rates,
    heatmaps_are_of_buckets,
]
