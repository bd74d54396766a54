"""A canary with a weight, and an autoscaler of each track: what else changes leaves pods and split alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.autoscaler import Autoscaler
from tests.e2e.client_pod import ROW, ClientPod, LoadPod
from tests.e2e.cluster import Cluster, eventually
from tests.e2e.gateway import NAME as GATEWAY
from tests.e2e.gateway import Way, weights
from tests.e2e.release import Release, image_values, namespace_in
from tests.e2e.steady import RATE, counts, report_over
from tests.e2e.transcript import Transcript
from tests.e2e.watch import pods_stay, ready_pods

pytestmark = pytest.mark.e2e_full

NAME = "both"
STABLE, CANARY = 3, 2
PODS = {f"{NAME}-stable": STABLE, f"{NAME}-canary": CANARY}
"""What the autoscalers want; nobody else says these numbers."""
WEIGHTS = [75, 25]


@pytest.fixture
def scaled(cluster: Cluster, image: str, way: Way, client: ClientPod) -> Iterator[Release]:
    """A release that answers through the Gateway, and whose autoscaler has brought its pods."""
    release = Release(
        cluster, image, NAME, "autoscaling.engine=cpu", f"httpRoute.parentRefs[0].name={GATEWAY}",
        namespace_in("networkPolicy.clients", way.namespace), "model.version=1",
        typed=(
            "httpRoute.enabled=true", "auth.allowAnonymous=true", "autoscaling.cpuPercent=1000",
            f"autoscaling.minReplicas={STABLE}", f"autoscaling.maxReplicas={STABLE + 1}",
            f"canary.replicas={CANARY}", f"canary.maxReplicas={CANARY + 1}",
        ),
    )  # fmt: skip
    release.install()
    eventually("the autoscaler's pods", lambda: ready_pods(cluster, f"{NAME}-stable") == STABLE)
    eventually("an answer", lambda: client.request(f"{way.url}/v1/predict", ROW)["status"] == 200)
    yield release
    release.uninstall()


@pytest.mark.parametrize("server_side", ["true", "false"])
def test_upgrades_leave_pods_and_split_alone(  # what pytest gives
    cluster: Cluster, scaled: Release, without_gpu: str, way: Way, transcript: Transcript, server_side: str
) -> None:
    options = ("--reuse-values", f"--server-side={server_side}")
    scaled.upgrade("canary.mode=gatewayAPI", "canary.model.version=2", options=options)
    eventually("the autoscalers' pods", lambda: {name: ready_pods(cluster, name) for name in PODS} == PODS)
    wait_for_signals(cluster)
    scaled.upgrade(typed=("canary.weight=25",), options=options)

    def change() -> None:
        for what, values in {
            "resources": ("resources.requests.cpu=110m",),
            "image": image_values(without_gpu),
            "stable's model": ("model.version=2",),
            "the canary's model": ("canary.model.version=1",),
        }.items():
            with pods_stay(cluster, PODS, what):
                scaled.upgrade(*values, options=options)
            assert weights(cluster, NAME) == WEIGHTS, what

    load = LoadPod(cluster, without_gpu, way.address, f"load-both-{server_side}", "", "--port=80", f"--rate={RATE}")
    report = report_over(load, change)
    assert report["failed"] == 0, str(report)
    wait_for_signals(cluster)  # the CPU of the newest pods is not known at once
    found = f"{STABLE} and {CANARY} pods, weights 75 and 25; {counts(report)}"
    transcript.note(f"canary with autoscalers: upgrades, --server-side={server_side}", found)


def wait_for_signals(cluster: Cluster) -> None:
    """Until both autoscalers know what they go by."""
    for deployment in PODS:
        Autoscaler(cluster, deployment).wait_for_its_signal()
