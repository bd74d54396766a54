"""Pods that ask for devices, on nodes that advertise some; no GPU is there, and the pods say so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.client_pod import ROW, ClientPod
from tests.e2e.cluster import Cluster, eventually
from tests.e2e.devices import claimable, counted
from tests.e2e.release import CHART, OWN_MODEL, Release, is_ready
from tests.e2e.transcript import Transcript
from tests.e2e.watch import watched_pods

pytestmark = pytest.mark.e2e_full

DEVICE = "nvidia.com/gpu"
DEVICES = 2
CLAIM = CHART / "ci" / "gpu-claim-values.yaml"
CLAIMED, OTHER = "NVIDIA H100 80GB HBM3", "NVIDIA A100-SXM4-80GB"


@pytest.fixture
def devices() -> Iterator[None]:
    with counted(DEVICE, DEVICES):
        yield


@pytest.mark.usefixtures("devices")
def test_every_pod_gets_a_device_and_one_too_many_waits(
    cluster: Cluster, own_image: str, transcript: Transcript
) -> None:
    release = Release(
        cluster, own_image, "devices", *OWN_MODEL, "resources.limits.memory=4Gi",
        typed=("gpu.enabled=true", f"replicas={DEVICES + 1}"),
    )  # fmt: skip
    release.install(wait=False)
    told = _one_too_many(cluster, release, DEVICES)
    assert f"Insufficient {DEVICE}" in told
    placed = _placed(release.pods())[0]["metadata"]["name"]
    log = eventually("the log", lambda: cluster.log_line(placed, "CUDA"))
    transcript.note("devices", f"{DEVICES} pods on {DEVICES} devices; the third: {told}")
    transcript.note("a pod without a GPU", log)
    release.uninstall()


@pytest.mark.usefixtures("devices")
def test_an_upgrade_goes_on_where_no_device_is_spare(
    cluster: Cluster, without_gpu: str, client: ClientPod, transcript: Transcript
) -> None:
    release = Release(
        cluster, without_gpu, "full", "strategy=replace", "resources.limits.memory=4Gi",
        typed=("gpu.enabled=true", f"replicas={DEVICES}"),
    )  # fmt: skip
    release.install()
    with watched_pods(cluster, "full-stable") as seen:
        release.upgrade("model.version=1")
    assert min(ready for _, ready in seen) >= DEVICES - 1
    eventually("all pods", lambda: len(release.pods()) == DEVICES and all(map(is_ready, release.pods())))
    answer = client.request("http://full:8000/v1/predict", ROW)
    assert answer["headers"]["x-plimsoll-version"] == "1"
    transcript.note("an upgrade with every device taken", f"went through; never fewer than {DEVICES - 1} ready")
    release.uninstall()


def test_a_claim_is_given_a_device_of_its_product_and_one_too_many_waits(
    cluster: Cluster, without_gpu: str, transcript: Transcript
) -> None:
    """The scheduler gives the device; to start the pod needs NVIDIA's driver on the node, and none is there."""
    with claimable(OTHER, CLAIMED):
        release = Release(cluster, without_gpu, "claims", typed=("replicas=2",))
        release.install(CHART, f"--values={CLAIM}", wait=False)
        told = _one_too_many(cluster, release, 1)
        assert "cannot allocate all claims" in told
        claims = json.loads(cluster.kubectl("get", "resourceclaims", "--output=json"))["items"]
        given = [each["status"]["allocation"] for each in claims if "allocation" in each.get("status", {})]
        assert [result["device"] for each in given for result in each["devices"]["results"]] == ["gpu-1"]
        transcript.note("claims", f"1 pod on the only {CLAIMED}; the second: {told}")
        release.uninstall()


def _one_too_many(cluster: Cluster, release: Release, placed: int) -> str:
    """What the scheduler says of the only pod that finds no device beside those that do."""
    eventually("pods on devices", lambda: len(_placed(release.pods())) == placed)
    eventually("the pod too many", lambda: len(release.pods()) == placed + 1)
    (waiting,) = [pod for pod in release.pods() if not pod["spec"].get("nodeName")]
    return eventually("the event", lambda: cluster.event(waiting["metadata"]["name"], "FailedScheduling"))


def _placed(pods: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [pod for pod in pods if pod["spec"].get("nodeName")]
