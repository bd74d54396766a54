"""A release of the chart; the one that the story is about is named `plimsoll`."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.e2e.cluster import Cluster, eventually, run

CHART = Path(__file__).parents[2] / "charts" / "plimsoll"
NAME = "plimsoll"
OWN_MODEL = ("model.name=letters", "model.version=1")
"""The values that have an image of docs/bring-your-model.md serve its model."""
_WAIT = {True: ("--wait", "--timeout=180s"), False: ()}
_MEMORY = {"container_memory_working_set_bytes": "working set", "container_memory_rss": "resident"}


class Release:
    """One installation of the chart, whose objects are called as it is.

    Values are `name=value`: texts, or `typed` ones, which are numbers and switches. `labels` select its pods.
    """

    def __init__(
        self,
        cluster: Cluster,
        image: str,
        name: str = NAME,
        *values: str,
        typed: tuple[str, ...] = (),
    ) -> None:
        self._cluster = cluster
        self._name = name
        self.labels = f"app.kubernetes.io/name={NAME},app.kubernetes.io/instance={name}"
        self._values = _sets(*values, *([] if name == NAME else [f"fullnameOverride={name}"]), typed=typed)
        self._image = _sets(*image_values(image), typed=())

    def install(self, chart: Path = CHART, *options: str, wait: bool = True) -> None:
        """Install with nothing but the image and the release's own values set, and wait until it is ready."""
        self._helm("install", self._name, str(chart), *self._image, *self._values, *options, *_WAIT[wait])

    def upgrade(
        self,
        *values: str,
        typed: tuple[str, ...] = (),
        wait: bool = True,
        options: tuple[str, ...] = ("--reuse-values",),
    ) -> None:
        """Change values and keep the others."""
        self._helm("upgrade", self._name, str(CHART), *options, *_sets(*values, typed=typed), *_WAIT[wait])

    def render(self, *values: str) -> str:
        """What tools apply that ask no cluster: all objects with these values besides, as YAML, without the test."""
        given = (*self._image, *self._values, *_sets(*values, typed=()))
        return self._helm("template", self._name, str(CHART), "--skip-tests", *given)

    def roll_back(self) -> None:
        """Return to the revision before."""
        self._helm("rollback", self._name, *_WAIT[True])

    def test(self) -> str:
        """Run the chart's own test."""
        return self._helm("test", self._name, "--timeout=120s")

    def uninstall(self) -> None:
        """Remove the release and wait until its pods are gone."""
        self._helm("uninstall", self._name, "--wait", "--timeout=120s")
        eventually("the end of the pods", lambda: not self.all_pods())

    def pods(self) -> list[dict[str, Any]]:
        """The pods of the release that nobody has told to go, oldest first."""
        return [pod for pod in self.all_pods() if "deletionTimestamp" not in pod["metadata"]]

    def all_pods(self) -> list[dict[str, Any]]:
        """The pods of the release, those among them that are leaving too."""
        return self._cluster.select("pods", self.labels)

    def the_pod(self) -> dict[str, Any]:
        """The only pod."""
        (pod,) = self.pods()
        return pod

    def settle(self) -> dict[str, Any]:
        """The only pod, once every other one is gone."""
        eventually("a single pod", lambda: len(self.all_pods()) == 1)
        return self.the_pod()

    def idle_bytes(self, pod: dict[str, Any]) -> dict[str, int]:
        """Working set and resident memory of the server's container, as the kubelet measured them once it was ready."""
        ready_ms = _ready_at(pod).timestamp() * 1000

        def measured() -> dict[str, int] | None:
            node, name = pod["spec"]["nodeName"], pod["metadata"]["name"]
            found = {}
            for line in run("kubectl", "get", "--raw", f"/api/v1/nodes/{node}/proxy/metrics/cadvisor").splitlines():
                metric, _, labels = line.partition("{")
                if metric in _MEMORY and f'pod="{name}"' in labels and 'container="plimsoll"' in labels:
                    value, taken_ms = labels.rpartition("}")[2].split()
                    if float(taken_ms) > ready_ms + 1000:
                        found[_MEMORY[metric]] = int(float(value))
            return found if len(found) == len(_MEMORY) else None

        return eventually("the kubelet's measurement of the pod", measured, timeout_seconds=60)

    def _helm(self, *arguments: str) -> str:
        return run("helm", "--namespace", self._cluster.namespace, *arguments)


def _sets(*values: str, typed: tuple[str, ...]) -> list[str]:
    given = [("--set-string", value) for value in values] + [("--set", value) for value in typed]
    return [part for pair in given for part in pair]


def image_values(image: str) -> tuple[str, str]:
    """The values that make it the image of a release."""
    repository, _, tag = image.rpartition(":")
    return f"image.repository={repository}", f"image.tag={tag}"


def namespace_in(peers: str, namespace: str) -> str:
    """The value that makes a namespace the first of some peers, such as `networkPolicy.clients`."""
    return f"{peers}[0].namespaceSelector.matchLabels.kubernetes\\.io/metadata\\.name={namespace}"


def is_ready(pod: dict[str, Any]) -> bool:
    """Whether Kubernetes sends requests to the pod."""
    return any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"].get("conditions", []))


def restarts(pod: dict[str, Any]) -> int:
    """How often its container was started again."""
    return int(pod["status"]["containerStatuses"][0]["restartCount"])


def seconds_to_ready(pod: dict[str, Any]) -> float:
    """From the start of the container to the pod's readiness; Kubernetes rounds both to seconds."""
    started = pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"]
    return (_ready_at(pod) - datetime.fromisoformat(started)).total_seconds()


def seconds_away(pod: dict[str, Any]) -> float:
    """From the end of the container before to the pod's readiness; Kubernetes rounds both to seconds."""
    ended = pod["status"]["containerStatuses"][0]["lastState"]["terminated"]["finishedAt"]
    return (_ready_at(pod) - datetime.fromisoformat(ended)).total_seconds()


def scheduled_at(pod: dict[str, Any]) -> datetime:
    """The moment at which the pod got its node; Kubernetes rounds it to seconds."""
    return _condition_at(pod, "PodScheduled")


def _ready_at(pod: dict[str, Any]) -> datetime:
    return _condition_at(pod, "Ready")


def _condition_at(pod: dict[str, Any], condition: str) -> datetime:
    (changed,) = (each["lastTransitionTime"] for each in pod["status"]["conditions"] if each["type"] == condition)
    return datetime.fromisoformat(changed)


def parsed(line: str) -> dict[str, Any]:
    """The last line of an output, which is JSON."""
    document: dict[str, Any] = json.loads(line.strip().splitlines()[-1])
    return document
