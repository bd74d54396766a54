"""Argo Rollouts promotes and aborts by the judge's verdict, with the manifests and values of examples/rollouts."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.client_pod import LoadPod, scripts
from tests.e2e.cluster import Cluster, eventually, exists
from tests.e2e.observers import InClusterPrometheus
from tests.e2e.release import CHART, NAME, OWN_MODEL, Release, image_values, is_ready, namespace_in
from tests.e2e.steady import counts
from tests.e2e.transcript import Transcript

pytestmark = pytest.mark.e2e_rollouts

_EXAMPLES = Path(__file__).parents[2] / "examples" / "rollouts"
_RATE = 100
"""Requests per second, each over a connection of its own, since a Service splits connections."""
_BEFORE_SECONDS = 30
_PATIENCE_SECONDS = 900

Prepare = Callable[[str], "ArgoRelease"]


class ArgoRelease:
    """A release in a namespace of its own, whose pods a Rollout runs, under load."""

    def __init__(self, namespace: str, image: str, prometheus: InClusterPrometheus) -> None:
        self.cluster = Cluster(namespace)
        self.release = Release(
            self.cluster, image, NAME, *OWN_MODEL, "monitoring.podMonitor.interval=5s",
            f"judge.prometheusUrl=http://{prometheus.host}:9090",
            namespace_in("networkPolicy.prometheus", prometheus.namespace),
            typed=("resources.requests.cpu=50m",),
        )  # fmt: skip
        self.load = LoadPod(self.cluster, image, NAME, "load", "", f"--rate={_RATE}", "--new")

    def start(self) -> None:
        """Install everything, wait until every pod is ready, and begin to send."""
        self.cluster.create()
        self.cluster.apply(scripts())
        self.release.install(CHART, f"--values={_EXAMPLES / 'argo-values.yaml'}")
        manifests = (_EXAMPLES / "argo-rollouts.yaml").read_text(encoding="utf-8")
        # kubectl has the API server refuse a field that the CRDs do not have.
        self.cluster.kubectl(
            "apply", "--validate=strict", "--filename=-", stdin=manifests.replace("shop", self.cluster.namespace)
        )
        eventually("a healthy Rollout", lambda: self.status().get("phase") == "Healthy", timeout_seconds=240)
        self.load.start()
        time.sleep(_BEFORE_SECONDS)

    def status(self) -> dict[str, Any]:
        """The status of the Rollout."""
        found: dict[str, Any] = self.cluster.get("rollout", NAME).get("status", {})
        return found

    def tracks(self) -> list[str]:
        """The track of each ready pod."""
        return sorted(pod["metadata"]["labels"]["plimsoll.dev/track"] for pod in self.release.pods() if is_ready(pod))

    def addresses(self, service: str) -> set[str]:
        """Where a Service leads to."""
        slices = self.cluster.select("endpointslices", f"kubernetes.io/service-name={service}")
        return {address for each in slices for end in each["endpoints"] or () for address in end["addresses"]}

    def analyses(self) -> list[tuple[str, list[str]]]:
        """The phase of each analysis, oldest first, with the last answers of the judge."""
        found = []
        for run in self.cluster.select("analysisruns", ""):
            (metric,) = run["status"]["metricResults"]
            values = [each["value"] for each in metric["measurements"] if "value" in each]  # an error has none
            found.append((run["status"]["phase"], [json.loads(value) for value in values]))
        return found


@pytest.fixture
def prepare(own_image: str, prometheus: InClusterPrometheus) -> Iterator[Prepare]:
    if not exists("crd", "rollouts.argoproj.io", "analysistemplates.argoproj.io"):
        pytest.skip("needs Argo Rollouts; tests/e2e/README.md says how")
    made: list[ArgoRelease] = []

    def prepared(name: str) -> ArgoRelease:
        made.append(ArgoRelease(f"plimsoll-e2e-{name}", own_image, prometheus))
        made[-1].start()
        return made[-1]

    yield prepared
    for each in made:
        each.cluster.remove()


def test_a_canary_that_is_no_worse_is_promoted(prepare: Prepare, transcript: Transcript) -> None:
    argo = prepare("argo-good")
    before, begun = argo.status()["stableRS"], time.monotonic()
    argo.release.upgrade("podAnnotations.example\\.org/try=2", options=("--reset-then-reuse-values",))
    eventually(
        "a promoted canary",
        lambda: argo.status()["phase"] == "Healthy" and argo.status()["stableRS"] != before,
        timeout_seconds=_PATIENCE_SECONDS,
    )
    minutes = (time.monotonic() - begun) / 60
    assert [(phase, answers[-1]) for phase, answers in argo.analyses()] == [("Successful", "pass")] * 2
    eventually("every pod on the stable track", lambda: argo.tracks() == ["stable"] * 4)
    (judge,) = argo.cluster.select("pods", f"app.kubernetes.io/name={NAME}-judge")
    assert argo.addresses(f"{NAME}-judge") == {judge["status"]["podIP"]}
    assert judge["status"]["podIP"] not in argo.addresses(NAME)
    report = argo.load.stop()
    transcript.note("Argo Rollouts, a good canary", f"promoted after {minutes:.1f} minutes; {counts(report)}")
    assert report["failed"] == 0, report["errors"]


def test_a_slow_canary_is_aborted(prepare: Prepare, slow_image: str, transcript: Transcript) -> None:
    argo = prepare("argo-slow")
    before, begun = argo.status()["stableRS"], time.monotonic()
    argo.release.upgrade(*image_values(slow_image), options=("--reset-then-reuse-values",))
    eventually("an aborted Rollout", lambda: argo.status().get("abort"), timeout_seconds=_PATIENCE_SECONDS)
    minutes = (time.monotonic() - begun) / 60
    ((phase, answers),) = argo.analyses()
    assert (phase, answers[-1]) == ("Failed", "fail")
    assert "pass" not in answers
    eventually("stable pods only", lambda: argo.tracks() == ["stable"] * 4)
    assert argo.status()["stableRS"] == before
    report = argo.load.stop()
    transcript.note("Argo Rollouts, a slow canary", f"aborted after {minutes:.1f} minutes; {counts(report)}")
    assert report["failed"] == 0, report["errors"]
