"""The tools of an operator, inside the cluster: a Prometheus of the operator's and an OpenTelemetry Collector."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.doubles.otlp import spans_in
from tests.e2e.cluster import Cluster, eventually, exists, kubectl_json, run
from tests.e2e.release import is_ready

_CRDS = ("prometheuses", "podmonitors", "prometheusrules")
_POD = "prometheus-e2e-0"


def state_metrics_address() -> str | None:
    """Where kube-state-metrics listens, whatever its namespace; `None` where the cluster has none."""
    services = kubectl_json("get", "services", "--all-namespaces")["items"]
    for each in services:
        if each["metadata"]["name"] == "kube-state-metrics":
            return f"kube-state-metrics.{each['metadata']['namespace']}:8080"
    return None


def has_the_operator() -> bool:
    """Whether the cluster knows the Prometheus operator's objects."""
    return exists("crd", *(f"{each}.monitoring.coreos.com" for each in _CRDS))


class InClusterPrometheus:
    """Asked through the API server, so that the suite needs no way into the cluster of its own."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.namespace = cluster.namespace
        self.host = f"prometheus-operated.{cluster.namespace}.svc.cluster.local"
        self._api = f"/api/v1/namespaces/{cluster.namespace}/pods/{_POD}:9090/proxy/api/v1"

    def start(self, state_metrics: str) -> None:
        """Create it and wait until it answers."""
        manifest = (Path(__file__).parent / "prometheus.yaml").read_text(encoding="utf-8")
        manifest = manifest.replace("NAMESPACE", self._cluster.namespace).replace("STATE_METRICS", state_metrics)
        self._cluster.kubectl("apply", "--filename=-", stdin=manifest)
        eventually("Prometheus", lambda: is_ready(self._cluster.get("pod", _POD)))

    def stop(self) -> None:
        """Take its pod away."""
        self._run_pods(0)
        eventually("the end of Prometheus", lambda: not self._cluster.select("pods", "prometheus=e2e"))

    def resume(self) -> None:
        """Give its pod back, with no memory of before."""
        self._run_pods(1)
        eventually("Prometheus", lambda: is_ready(self._cluster.get("pod", _POD)))

    def _run_pods(self, count: int) -> None:
        patch = json.dumps({"spec": {"replicas": count}})
        self._cluster.kubectl("patch", "prometheus", "e2e", "--type=merge", f"--patch={patch}")

    def query(self, expr: str) -> list[dict[str, Any]]:
        """The series that an expression has now."""
        document = json.loads(run("kubectl", "get", "--raw", f"{self._api}/query?query={quote(expr, safe='')}"))
        result: list[dict[str, Any]] = document["data"]["result"]
        return result

    def history(self, expr: str, begun: float, ended: float) -> list[tuple[float, float]]:
        """Moments and values of an expression's only series, every five seconds between two moments since 1970."""
        asked = f"query_range?query={quote(expr, safe='')}&start={begun}&end={ended}&step=5"
        (series,) = json.loads(run("kubectl", "get", "--raw", f"{self._api}/{asked}"))["data"]["result"]
        return [(moment, float(value)) for moment, value in series["values"]]

    def answers(self, expr: str) -> bool:
        """Whether an expression has values now, and only finite ones."""
        values = [float(series["value"][1]) for series in self.query(expr)]
        return bool(values) and all(map(math.isfinite, values))

    def rules(self) -> list[dict[str, Any]]:
        """Every rule that it evaluates."""
        groups = json.loads(run("kubectl", "get", "--raw", f"{self._api}/rules"))["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def remove(self) -> None:
        """Delete what of it lies outside of the namespace, and its pod.

        The end of a namespace waits for half of the grace period of its pods, which is ten minutes for this one.
        """
        self.stop()
        name = f"{self._cluster.namespace}-prometheus"
        run("kubectl", "delete", "clusterrole,clusterrolebinding", name, "--ignore-not-found")


class Collector:
    """Writes spans into its log."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.endpoint = f"http://collector.{cluster.namespace}:4318"

    def start(self) -> None:
        """Create it and wait for it."""
        manifest = (Path(__file__).parent / "collector.yaml").read_text(encoding="utf-8")
        self._cluster.kubectl("apply", "--filename=-", stdin=manifest)
        eventually("the collector", lambda: is_ready(self._cluster.get("pod", "collector")))

    def spans(self, trace_id: str) -> list[dict[str, Any]]:
        """The spans of one trace that have come so far, with the attributes of who sent them under `resource`."""
        whole_lines = self._cluster.kubectl("logs", "collector").rpartition("\n")[0]  # the last may be half written
        found = spans_in(whole_lines.splitlines())
        return [span for span in found if span["traceId"] == trace_id]
