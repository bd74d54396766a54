"""Pods that ask for devices, on nodes that advertise some; no GPU is there, and the pods say so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.client_pod import ClientPod
from tests.e2e.cluster import Cluster, eventually, kubectl_json, run
from tests.e2e.release import Release, is_ready
from tests.e2e.transcript import Transcript

pytestmark = pytest.mark.e2e_full

DEVICE = "nvidia.com/gpu"
DEVICES = 2


@pytest.fixture(scope="module", autouse=True)
def devices() -> Iterator[None]:
    """Two devices on one node, as a device plugin would advertise them."""
    node = kubectl_json("get", "nodes")["items"][-1]["metadata"]["name"]
    _advertise(node, str(DEVICES))
    eventually("the devices", lambda: _allocatable(node) == str(DEVICES))
    yield
    _advertise(node, None)


def test_every_pod_gets_a_device_and_one_too_many_waits(
    cluster: Cluster, own_image: str, transcript: Transcript
) -> None:
    release = Release(
        cluster, own_image, "devices", "model.name=letters", "test.picture=", "resources.limits.memory=4Gi",
        typed=("gpu.enabled=true", f"replicas={DEVICES + 1}"),
    )  # fmt: skip
    release.install(wait=False)
    eventually("pods on devices", lambda: len(_placed(release.pods())) == DEVICES)
    eventually("the pod too many", lambda: len(release.pods()) == DEVICES + 1)
    (waiting,) = [pod for pod in release.pods() if not pod["spec"].get("nodeName")]
    told = eventually("the event", lambda: _scheduling_event(cluster, waiting["metadata"]["name"]))
    assert f"Insufficient {DEVICE}" in told
    placed = _placed(release.pods())[0]["metadata"]["name"]
    log = eventually("the log", lambda: cluster.log_line(placed, "CUDA"))
    transcript.note("devices", f"{DEVICES} pods on {DEVICES} devices; the third: {told}")
    transcript.note("a pod without a GPU", log)
    release.uninstall()


def test_an_upgrade_goes_on_where_no_device_is_spare(
    cluster: Cluster, image: str, client: ClientPod, transcript: Transcript
) -> None:
    release = Release(
        cluster, image, "full", "strategy=replace",
        typed=(f"replicas={DEVICES}", f"resources.limits.{DEVICE.replace('.', chr(92) + '.')}=1"),
    )  # fmt: skip
    release.install()
    release.upgrade("model.version=2")
    eventually("all pods", lambda: len(release.pods()) == DEVICES and all(map(is_ready, release.pods())))
    answer = client.request("http://full:8000/v1/predict", "/examples/digits/7.json")
    assert answer["headers"]["x-plimsoll-version"] == "2"
    transcript.note("an upgrade with every device taken", "went through, one pod at a time")
    release.uninstall()


def _advertise(node: str, count: str | None) -> None:
    patch = json.dumps({"status": {"capacity": {DEVICE: count}}})
    run("kubectl", "patch", "node", node, "--subresource=status", "--type=merge", f"--patch={patch}")


def _allocatable(node: str) -> str | None:
    return str(kubectl_json("get", "node", node)["status"]["allocatable"].get(DEVICE))


def _placed(pods: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [pod for pod in pods if pod["spec"].get("nodeName")]


def _scheduling_event(cluster: Cluster, pod: str) -> str | None:
    selector = f"--field-selector=involvedObject.name={pod},reason=FailedScheduling"
    events = json.loads(cluster.kubectl("get", "events", selector, "--output=json"))["items"]
    return str(events[-1]["message"]) if events else None
