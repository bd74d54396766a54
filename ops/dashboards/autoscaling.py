"""Do the pods follow? What the autoscalers go by, what they decided, and whether they can see and act."""

from __future__ import annotations

from ops.dashboards.board import Board, Section
from ops.dashboards.panels import SERVICE, Graph, Query
from ops.dashboards.promql import WHERE, highest, of_our_autoscalers, series, version_series


def autoscaler(metric: str, *matchers: str) -> str:
    """What kube-state-metrics tells of the autoscalers of the chosen services."""
    return highest(of_our_autoscalers(f"kube_horizontalpodautoscaler_{metric}", *matchers), WHERE)


TARGET = autoscaler("spec_target_metric", 'metric_name="plimsoll_inflight"', 'metric_target_type="average"')
"""Requests in flight that each pod is meant to have."""

SIGNALS = [
    Graph(
        "Requests in flight, against the target",
        [
            Query(highest(series("plimsoll:inflight:sum"), WHERE), SERVICE),
            Query(
                f"{TARGET} * on ({WHERE}) {autoscaler('status_current_replicas')}",
                f"{SERVICE}, target of all pods",
            ),
        ],
        unit="none",
        says="Requests inside all pods of a track, running and waiting, on average over a minute, and as many as its "
        "pods are meant to have. Above the target an autoscaler adds pods. Needs autoscaling.engine=prometheusAdapter.",
        runbooks=("PlimsollAutoscalerAtMax",),
    ),
    Graph(
        "Latency guard",
        [Query(highest(series("plimsoll:latency_guard:ratio"), WHERE), SERVICE)],
        unit="none",
        says="How far the 95th percentile is beyond the latency objective, 1.5 at most; 0 within it, and where few "
        "requests are in flight. Above 1 an autoscaler adds pods. Where it stays there, more pods do not help.",
        runbooks=("PlimsollLatencyBudgetBurn", "PlimsollAutoscalerAtMax"),
    ),
    Graph(
        "Signals that are there",
        [
            Query(autoscaler("status_condition", 'condition="ScalingActive"', 'status="true"'), f"{SERVICE}, sees"),
            Query(autoscaler("status_condition", 'condition="AbleToScale"', 'status="true"'), f"{SERVICE}, may act"),
            Query(
                autoscaler("status_condition", 'condition="ScalingLimited"', 'status="true"'),
                f"{SERVICE}, is held by its least or most",
            ),
        ],
        unit="none",
        says="1 where an autoscaler says so of itself. One that does not see leaves the pods as many as they are.",
        runbooks=("PlimsollAutoscalerBlind",),
    ),
]

PODS = [
    Graph(
        "Pods",
        [
            Query(autoscaler("status_current_replicas"), f"{SERVICE}, there"),
            Query(autoscaler("status_desired_replicas"), f"{SERVICE}, wanted"),
            Query(autoscaler("spec_min_replicas"), f"{SERVICE}, least"),
            Query(autoscaler("spec_max_replicas"), f"{SERVICE}, most"),
        ],
        unit="none",
        width=16,
        height=10,
        says="How many pods each track has, how many its autoscaler wants, and its bounds.",
        runbooks=("PlimsollAutoscalerAtMax",),
    ),
    Graph(
        "From start to ready",
        [Query(highest(version_series("plimsoll_model_load_seconds"), WHERE), SERVICE)],
        unit="s",
        height=10,
        says="The slowest load of a model that a pod has now, with its proof. autoscaling.coldStartSeconds "
        "is to cover it, its warm-up, and the time to schedule a pod and to pull its image.",
    ),
]

AUTOSCALING = Board(
    "autoscaling",
    "Plimsoll: autoscaling",
    "Whether pods follow requests and latency, and what keeps them from it.",
    [
        Section("What it goes by", SIGNALS),
        Section("What it does", PODS),
    ],
)
