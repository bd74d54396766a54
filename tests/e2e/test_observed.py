"""A release that is watched: the operator's Prometheus, kube-state-metrics, the kubelets and a collector see it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.contracts.alerts.rules import rule_expressions, without_comparison
from tests.contracts.dashboards.queries import board_queries, concrete, variable_queries
from tests.contracts.promql import metric_names
from tests.e2e.client_pod import ROW, ClientPod, LoadPod
from tests.e2e.cluster import Cluster, eventually
from tests.e2e.observers import Collector, InClusterPrometheus
from tests.e2e.release import CHART, Release, namespace_in
from tests.e2e.transcript import Transcript

pytestmark = pytest.mark.e2e

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
NOT_HERE = {
    "DCGM_": "needs a GPU",
    "plimsoll_gpu_memory_bytes": "needs a GPU",
    "plimsoll:gpu_xid": "needs a GPU",
    "plimsoll:canary_": "needs a canary; answered in tests/integration",
    "plimsoll_canary_": "needs a judge; answered in test_argo_rollouts.py",
    "plimsoll:both_tracks": "needs a canary; answered in tests/integration",
    "plimsoll_cache_lookups_total": "the cache is off by default; answered in tests/integration",
}
"""Metrics that this cluster does not have, and why."""
OURS = '{service=~"watched-.+"}'
"""Series of a release before are there for some minutes more."""
BOARDS = Path(__file__).parents[2] / "ops" / "dashboards"


@pytest.fixture(scope="module")
def collector(tools: Cluster) -> Collector:
    made = Collector(tools)
    made.start()
    return made


@pytest.fixture(scope="module")
def watched(  # the client brings the scripts
    cluster: Cluster,
    image: str,
    adapted: InClusterPrometheus,
    collector: Collector,
    client: ClientPod,  # noqa: ARG001
) -> Iterator[tuple[Release, InClusterPrometheus]]:
    """A release under load, and the Prometheus that watches it from another namespace."""
    release = Release(
        cluster, image, "watched", namespace_in("networkPolicy.prometheus", adapted.namespace),
        f"tracing.endpoint={collector.endpoint}", "monitoring.podMonitor.interval=5s",
        "autoscaling.engine=prometheusAdapter",
        typed=(
            *(f"monitoring.{each}.enabled=true" for each in ("podMonitor", "rules", "dashboards")),
            "autoscaling.minReplicas=1", "autoscaling.cpuPercent=1000",
        ),
    )  # fmt: skip
    release.install()
    load = LoadPod(cluster, image, "watched", "watched-load")
    load.start()
    yield release, adapted
    try:
        report = load.stop()
        assert report["failed"] == 0, str(report)
    finally:
        load.remove()
        release.uninstall()


def test_prometheus_finds_the_pod_by_the_chart_s_monitor_and_labels_it_by_its_track(
    watched: tuple[Release, InClusterPrometheus],
) -> None:
    release, prometheus = watched
    series = eventually("a scrape of the pod", lambda: prometheus.query(f"plimsoll_build_info{OURS}"))
    labels = [{name: each["metric"].get(name) for name in ("service", "track", "pod", "container")} for each in series]
    pod = release.the_pod()["metadata"]["name"]
    assert labels == [{"service": "watched-stable", "track": "stable", "pod": pod, "container": "plimsoll"}]
    assert prometheus.query(f"up{OURS}")[0]["value"][1] == "1"


def test_every_query_and_every_alert_is_answered_on_the_cluster(
    watched: tuple[Release, InClusterPrometheus], transcript: Transcript
) -> None:
    _, prometheus = watched
    expressions = [concrete(expr) for *_, expr in board_queries() + variable_queries()]
    for kind, name, expr in rule_expressions():
        expressions += [name] if kind == "record" else without_comparison(expr)
    asked = [
        expr
        for expr in dict.fromkeys(expressions)
        if not any(name.startswith(tuple(NOT_HERE)) for name in metric_names(expr)) and 'track="canary"' not in expr
    ]
    eventually("an answer of the slowest rule", lambda: prometheus.answers("plimsoll:availability_bad:ratio_rate30d"))
    assert left_after_a_while(lambda: [expr for expr in asked if not prometheus.answers(expr)]) == []
    transcript.note(
        "queries and alerts answered",
        f"{len(asked)}; {len(set(expressions)) - len(asked)} need a GPU, a canary or the cache",
    )


def test_the_operator_s_prometheus_takes_every_rule_of_the_chart(
    watched: tuple[Release, InClusterPrometheus],
) -> None:
    _, prometheus = watched
    # Those of a release before go some time after it.
    eventually("its rules alone", lambda: len(prometheus.rules()) == len(rule_expressions()))
    rules = prometheus.rules()
    assert [rule["name"] for rule in rules if rule["health"] != "ok"] == []
    assert [rule["name"] for rule in rules if rule.get("state") == "firing"] == []


@pytest.mark.usefixtures("watched")
def test_the_boards_lie_where_grafana_s_sidecar_looks(cluster: Cluster) -> None:
    maps = cluster.select("configmaps", "grafana_dashboard=1")
    found = {name: json.loads(text) for each in maps for name, text in each["data"].items()}
    ours = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in BOARDS.glob("*.json")}
    assert len(found) == len(list((CHART / "dashboards").glob("*.json"))) > 0
    for name, board in ours.items():
        there = found[f"{cluster.namespace}-watched-{name}"]
        assert there["uid"].startswith(f"{board['uid']}-"), "another release's has another uid"
        assert there["title"] == f"{board['title']}, watched in {cluster.namespace}"
        assert {**there, "uid": "", "title": ""} == {**board, "uid": "", "title": ""}


def test_a_trace_that_a_client_began_goes_on_in_the_pod(
    watched: tuple[Release, InClusterPrometheus], collector: Collector, client: ClientPod, transcript: Transcript
) -> None:
    release, _ = watched
    answer = client.request("http://watched:8000/v1/predict", ROW, traceparent=f"00-{TRACE}-{SPAN}-01")
    assert answer["status"] == 200
    spans = eventually("the spans", lambda: found if len(found := collector.spans(TRACE)) >= 4 else None)
    named = {span["name"]: span for span in spans}
    assert set(named) == {"POST /v1/predict", "queue", "batch", "forward"}
    server = named["POST /v1/predict"]
    assert server["parentSpanId"] == SPAN
    assert answer["headers"]["traceresponse"] == f"00-{TRACE}-{server['spanId']}-01"
    sent_by = server["resource"]
    assert sent_by["service.name"] == "plimsoll"
    assert sent_by["k8s.pod.name"] == release.the_pod()["metadata"]["name"]
    assert sent_by["k8s.namespace.name"] == "plimsoll-e2e"
    transcript.note("spans of one traced request", ", ".join(sorted(named)))


def left_after_a_while(look: Callable[[], list[str]]) -> list[str]:
    """What `look` still finds when others had time to become answerable; nothing as soon as it finds nothing."""
    with suppress(AssertionError):
        eventually("answers", lambda: not look(), timeout_seconds=90)
    return look()
