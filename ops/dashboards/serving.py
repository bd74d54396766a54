"""Are users served, and if not, why not?"""

from __future__ import annotations

from ops.dashboards.board import Board, Section
from ops.dashboards.objectives import BUDGETS, BUDGETS_LEFT, OBJECTIVE
from ops.dashboards.panels import BAD, GOOD, MODEL, SERVICE, WARN, Figure, Graph, Heatmap, Query
from ops.dashboards.promql import (
    DURATION,
    VERSION,
    WHERE,
    bad_share,
    budget,
    count,
    highest,
    increase,
    mean,
    quantile,
    rate,
    requests,
    series,
    share,
    total,
    version_series,
    within_objective,
)

AT_A_GLANCE = [
    Figure(
        "Requests",
        [Query(requests())],
        unit="reqps",
        says="Predict requests per second, however they ended.",
    ),
    Figure(
        "Availability",
        [Query(f"1 - {bad_share()}")],
        unit="percentunit",
        decimals=2,
        steps=((None, BAD), (0.99, WARN), (0.999, GOOD)),
        nothing="no traffic",
        says="The share of requests that did not end in a 5xx or, of a full queue, in a 429. Green from 99.9 % on.",
        runbooks=("PlimsollAvailabilityBudgetBurn",),
    ),
    *BUDGETS_LEFT,
    Figure(
        "95 % of answers within",
        [Query(quantile(0.95, DURATION))],
        unit="s",
        nothing="no traffic",
        says="The 95th percentile of the duration of requests that were answered 200, over all that is chosen.",
        runbooks=("PlimsollLatencyBudgetBurn",),
    ),
    Figure(
        "Pods",
        [Query(count(series("plimsoll_build_info")))],
        unit="none",
        steps=((None, BAD), (1, GOOD)),
        nothing="none",
        says="Servers that Prometheus can scrape. One that cannot be scraped may well serve, but nobody sees how.",
        runbooks=("PlimsollTargetDown",),
    ),
]

OUTCOMES = [
    Graph(
        "Requests by status",
        [Query(requests("code"), "{{code}}")],
        unit="reqps",
        says="How predict requests ended, by HTTP status. 499: the client left before its answer.",
    ),
    Graph(
        "Bad requests",
        [Query(bad_share(WHERE), SERVICE), Query(highest(budget("availability")), "allowed")],
        unit="percentunit",
        says="The share of requests that count against the availability objective: 5xx, and 429 of a full queue; and "
        "what the objective allows.",
        runbooks=("PlimsollAvailabilityBudgetBurn",),
    ),
    Graph(
        "Requests shed, by reason",
        [Query(total(rate(version_series("plimsoll_requests_shed_total")), "reason"), "{{reason}}")],
        unit="reqps",
        says="Requests refused or dropped without being computed. overloaded: the queue was full (429). draining, "
        "loading: no version was there to answer (503). deadline_exceeded: it would have been late (504). "
        "client_gone: nobody waits. stuck: a forward pass does not return (503).",
        runbooks=("PlimsollShedding",),
    ),
]

LATENCY = [
    Graph(
        "Duration of answers",
        [
            Query(quantile(0.5, DURATION), "50 %"),
            Query(quantile(0.95, DURATION), "95 %", exemplars=True),
            Query(quantile(0.99, DURATION), "99 %"),
            OBJECTIVE,
        ],
        unit="s",
        says="From a request's first byte to its answer, for requests answered 200, and the objective. A mark is one "
        "request with its trace.",
        runbooks=("PlimsollLatencyBudgetBurn",),
    ),
    Graph(
        "Answers within the objective",
        [Query(within_objective(WHERE), SERVICE), Query(f"1 - {highest(budget('latency'))}", "wanted")],
        unit="percentunit",
        says="The share of answers that came within the latency objective, counted exactly: the objective is an edge "
        "of the histogram. And what it should be.",
        runbooks=("PlimsollLatencyBudgetBurn",),
    ),
    Heatmap(
        "Durations",
        [Query(total(increase(version_series(f"{DURATION}_bucket")), "le"), "{{le}}", exemplars=True)],
        unit="s",
        says="How many answers took how long. Two bands are two kinds of requests, or two versions.",
    ),
]

QUEUE = [
    Graph(
        "In flight and waiting",
        [
            Query(total(series("plimsoll_requests_in_flight")), "in flight"),
            Query(total(version_series("plimsoll_queue_depth")), "waiting for a batch"),
            Query(total(series("plimsoll_concurrency")), "concurrency"),
            Query(total(version_series("plimsoll_queue_limit")), "queue limit"),
        ],
        unit="none",
        says="Requests inside, those of them that wait for a batch, how many the pods together do best with, and the "
        "most that they let in before they answer 429.",
        runbooks=("PlimsollShedding",),
    ),
    Graph(
        "Wait for a batch",
        [
            Query(quantile(0.5, "plimsoll_queue_wait_seconds"), "50 %"),
            Query(quantile(0.95, "plimsoll_queue_wait_seconds"), "95 %"),
        ],
        unit="s",
        says="From a request's rows being complete to its batch being run. Long waits and short runs: too few pods.",
        runbooks=("PlimsollLatencyBudgetBurn", "PlimsollShedding"),
    ),
    Graph(
        "One run of the model",
        [
            Query(quantile(0.5, "plimsoll_inference_duration_seconds"), "50 %"),
            Query(quantile(0.95, "plimsoll_inference_duration_seconds"), "95 %"),
        ],
        unit="s",
        says="How long the model takes over one batch. Longer runs of batches of the same size: the model or its node.",
        runbooks=("PlimsollLatencyBudgetBurn",),
    ),
    Graph(
        "Rows in a batch",
        [
            Query(mean("plimsoll_batch_size"), "mean"),
            Query(quantile(0.95, "plimsoll_batch_size"), "95 %"),
        ],
        unit="none",
        says="How many rows share one run of the model. It grows under load, which is what makes room.",
    ),
    Graph(
        "Rows",
        [Query(total(rate(version_series("plimsoll_batch_size_sum")), VERSION), MODEL)],
        unit="rowsps",
        says="Rows that the model computed, per second: the work, where requests differ in size.",
    ),
    Graph(
        "Answers from the cache",
        [
            Query(
                share(
                    total(rate(version_series("plimsoll_cache_lookups_total", 'result="hit"')), VERSION),
                    total(rate(version_series("plimsoll_cache_lookups_total")), VERSION),
                ),
                MODEL,
            )
        ],
        unit="percentunit",
        says="The share of looked-up inputs whose answer was in the response cache. No data where the cache is off, "
        "which it is unless PLIMSOLL_CACHE_BYTES is set.",
    ),
]

VERSIONS = [
    Graph(
        "Requests of each version",
        [Query(requests(VERSION), MODEL)],
        unit="reqps",
        says="Predict requests per second. _unknown: they named a model or version that is not served, or came without "
        "a key.",
    ),
    Graph(
        "Bad requests of each version",
        [Query(bad_share(VERSION), MODEL)],
        unit="percentunit",
        says="The share of a version's requests that ended in a 5xx, or in a 429 because its queue was full.",
        runbooks=("PlimsollAvailabilityBudgetBurn",),
    ),
    Graph(
        "95 % of answers of each version within",
        [Query(quantile(0.95, DURATION, VERSION), MODEL), OBJECTIVE],
        unit="s",
        says="The 95th percentile of the duration of each version's answers, and the objective.",
        runbooks=("PlimsollLatencyBudgetBurn",),
    ),
    Graph(
        "Too late, and gone",
        [
            Query(total(rate(version_series("plimsoll_requests_deadline_exceeded_total")), VERSION), f"{MODEL}, late"),
            Query(total(rate(version_series("plimsoll_requests_cancelled_total")), VERSION), f"{MODEL}, client left"),
        ],
        unit="reqps",
        says="Requests whose time was over (504), and requests whose client left before the answer.",
    ),
    Graph(
        "Waiting for a batch of each version",
        [Query(total(version_series("plimsoll_queue_depth"), VERSION), MODEL)],
        unit="none",
        says="Requests that are complete and wait for a batch, over all pods.",
        runbooks=("PlimsollShedding",),
    ),
    Graph(
        "Requests by protocol",
        [Query(requests("protocol"), "{{protocol}}")],
        unit="reqps",
        says="By which of the server's APIs requests came.",
    ),
]

SERVING = Board(
    "serving",
    "Plimsoll: serving",
    "Whether users are served, and why not: requests, failures, duration, objectives and budgets, queue and batches.",
    [
        Section("Are users served?", AT_A_GLANCE),
        Section("How requests end", OUTCOMES),
        Section("How long answers take", LATENCY),
        Section("Objectives and their budgets", BUDGETS),
        Section("Queue and batches", QUEUE),
        Section("Each version", VERSIONS),
    ],
)
