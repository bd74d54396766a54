"""Which versions are served, how much each, and does the canary do as well as the stable track?"""

from __future__ import annotations

from ops.dashboards.board import Board, Section
from ops.dashboards.objectives import OBJECTIVE
from ops.dashboards.panels import MODEL, TRACK, Graph, Listing, Query
from ops.dashboards.promql import (
    DURATION,
    VERSION,
    bad_share,
    count,
    every_service,
    increase,
    mean,
    quantile,
    rate,
    requests,
    share,
    total,
    version_series,
    within_objective,
)
from ops.dashboards.verdicts import VERDICT

SERVED = 'version!="_unknown"'


def shares_of(by: str) -> str:
    """Requests of each version or track, as a share of the same model's.

    The whole is that of every version and service, since each service is one track: what is chosen is a part of it.
    """
    part = requests(f"model, {by}", SERVED)
    whole = total(rate(every_service("plimsoll_requests_total", 'model=~"$model"', SERVED)), "model")
    return f"{part} / on (model) group_left () ({whole} > 0)"


WHAT_IS_SERVED = [
    Listing(
        "Versions that are ready",
        [
            Query(
                count(f"{version_series('plimsoll_model_info')} == 1", "track, model, version, digest, format, device"),
            )
        ],
        unit="none",
        value="pods",
        width=16,
        says="What each version was loaded from, and in how many pods it is ready. One version with two digests is two "
        "models under one name.",
    ),
    Graph(
        "Versions by state",
        [Query(total(version_series("plimsoll_model_state"), f"{VERSION}, state") + " > 0", f"{MODEL}, {{{{state}}}}")],
        unit="none",
        says="In how many pods a version is loading, verifying, warming, ready, stuck, draining or failed.",
        runbooks=("PlimsollNobodyServed", "PlimsollModelStuck", "PlimsollModelLoadFailing"),
    ),
    Graph(
        "Requests of each version",
        [Query(shares_of("version"), MODEL)],
        unit="percentunit",
        shares=True,
        says="The share of a model's requests in the chosen namespaces that each of its versions got, whichever are "
        "chosen. Choose one model to read it as one whole.",
    ),
    Graph(
        "Requests of each track",
        [Query(shares_of("track"), f"{{{{model}}}} {TRACK}")],
        unit="percentunit",
        shares=True,
        says="The share of a model's requests in the chosen namespaces that the stable and the canary pods got, "
        "whichever are chosen. Choose one model to read it as one whole.",
    ),
    Graph(
        "Loads that failed, by check",
        [
            Query(
                total(increase(version_series("plimsoll_model_load_failures_total")), f"{VERSION}, check"),
                f"{MODEL}, {{{{check}}}}",
            )
        ],
        unit="none",
        says="Attempts to load a version that a check stopped. golden: the weights load and answer other than they did "
        "when the bundle was made.",
        runbooks=("PlimsollModelLoadFailing", "PlimsollGoldenMismatch"),
    ),
]

STABLE_AGAINST_CANARY = [
    Graph(
        "Requests",
        [Query(requests("track"), TRACK)],
        unit="reqps",
        says="Predict requests per second of each track. Few requests decide little: wait before reading the panels "
        "below.",
    ),
    Graph(
        "Bad requests",
        [Query(bad_share("track"), TRACK)],
        unit="percentunit",
        says="The share of each track's requests that ended in a 5xx, or in a 429 because a queue was full.",
        runbooks=("PlimsollAvailabilityBudgetBurn",),
    ),
    Graph(
        "Answers within the objective",
        [Query(within_objective("track"), TRACK)],
        unit="percentunit",
        says="The share of each track's answers that came within the latency objective.",
        runbooks=("PlimsollLatencyBudgetBurn",),
    ),
    Graph(
        "Half of answers within",
        [Query(quantile(0.5, DURATION, "track"), TRACK), OBJECTIVE],
        unit="s",
        says="The median of the duration of each track's answers.",
    ),
    Graph(
        "95 % of answers within",
        [Query(quantile(0.95, DURATION, "track"), TRACK), OBJECTIVE],
        unit="s",
        says="The 95th percentile of the duration of each track's answers.",
        runbooks=("PlimsollLatencyBudgetBurn",),
    ),
    Graph(
        "99 % of answers within",
        [Query(quantile(0.99, DURATION, "track"), TRACK), OBJECTIVE],
        unit="s",
        says="The 99th percentile of the duration of each track's answers. It is the first to show a version that is "
        "slow for some inputs only.",
        runbooks=("PlimsollLatencyBudgetBurn",),
    ),
    Graph(
        "One run of the model",
        [Query(quantile(0.95, "plimsoll_inference_duration_seconds", "track"), TRACK)],
        unit="s",
        says="The 95th percentile of how long the model takes over one batch. Compare with the rows in a batch.",
    ),
    Graph(
        "Rows in a batch",
        [Query(mean("plimsoll_batch_size", "track"), TRACK)],
        unit="none",
        says="The mean of rows that share one run of the model. A canary with little traffic has smaller batches, and "
        "so looks faster than it will be.",
    ),
    Graph(
        "Requests shed",
        [
            Query(
                share(
                    total(rate(version_series("plimsoll_requests_shed_total")), "track"),
                    requests("track"),
                ),
                TRACK,
            )
        ],
        unit="percentunit",
        says="The share of each track's requests that were refused or dropped without being computed, for whatever "
        "reason.",
        runbooks=("PlimsollShedding",),
    ),
]

ROLLOUT = Board(
    "rollout",
    "Plimsoll: rollout",
    "Which versions are served and how much each, and how the canary does beside the stable track.",
    [
        Section("What is served", WHAT_IS_SERVED),
        Section("The judge's verdict", VERDICT),
        Section("Stable against canary", STABLE_AGAINST_CANARY),
    ],
)
