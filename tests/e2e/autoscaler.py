"""An autoscaler of a release, and the adapter that tells it what Prometheus recorded."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.cluster import Cluster, eventually, exists, run

_CONFIG = Path(__file__).parents[2] / "ops" / "autoscaling" / "prometheus-adapter-config.yaml"
_MONITORING = ("kubectl", "--namespace=monitoring")
_DEPLOYMENT = "deployment/prometheus-adapter"


def has_the_adapter() -> bool:
    """Whether prometheus-adapter runs in the namespace `monitoring`."""
    return exists("--namespace=monitoring", _DEPLOYMENT)


def give_the_adapter(prometheus_host: str) -> None:
    """Have it pass on what ops/autoscaling says of a Prometheus; it asks `prometheus.monitoring.svc:9090`."""
    name = {"name": "prometheus", "namespace": "monitoring"}
    leads_there = {"type": "ExternalName", "externalName": prometheus_host}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": name, "spec": leads_there}
    run("kubectl", "apply", "--filename=-", stdin=json.dumps(service))
    run("kubectl", "apply", f"--filename={_CONFIG}")
    run(*_MONITORING, "rollout", "restart", _DEPLOYMENT)
    run(*_MONITORING, "rollout", "status", _DEPLOYMENT, "--timeout=120s")


def take_from_the_adapter() -> None:
    """Delete the way to Prometheus again."""
    run(*_MONITORING, "delete", "service", "prometheus", "--ignore-not-found")


@dataclass(frozen=True, slots=True)
class Look:
    """What an autoscaler said at one moment."""

    pods: int
    wanted: int
    active: str


class Autoscaler:
    """The HorizontalPodAutoscaler of one track."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self._cluster = cluster
        self._name = name

    def look(self) -> Look:
        """Pods, wanted pods and the status of its condition ScalingActive."""
        status = self._cluster.get("horizontalpodautoscaler", self._name).get("status", {})
        conditions = {each["type"]: each["status"] for each in status.get("conditions", [])}
        active = conditions.get("ScalingActive", "Unknown")
        return Look(status.get("currentReplicas", 0), status.get("desiredReplicas", 0), active)

    def wait_for_its_signal(self) -> None:
        """Until it knows what it goes by."""
        eventually("a signal", lambda: self.look().active == "True", timeout_seconds=180)

    def reasons(self) -> list[str]:
        """Why it changed the number of pods, oldest first."""
        return self._cluster.events(self._name, "SuccessfulRescale")

    def metric(self, name: str) -> float:
        """What the custom metrics API says of the track's Service."""
        path = f"/apis/custom.metrics.k8s.io/v1beta1/namespaces/{self._cluster.namespace}/services/{self._name}/{name}"
        (item,) = json.loads(run("kubectl", "get", "--raw", path))["items"]
        return _quantity(item["value"])


def _quantity(text: Any) -> float:
    """A Kubernetes quantity, of which the API uses thousandths here."""
    return float(text[:-1]) / 1000 if str(text).endswith("m") else float(text)
