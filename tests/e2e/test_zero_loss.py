"""Planned operations on two pods under load: not one request fails, and no client tries anything twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.client_pod import ClientPod, LoadPod
from tests.e2e.cluster import Cluster, eventually, run
from tests.e2e.release import Release, is_ready
from tests.e2e.transcript import Transcript

RATE = 100
FEWEST = 2000
"""Requests over each operation."""
PODS = 2
Operation = Callable[[Cluster, Release], None]


@pytest.fixture(scope="module")
def steady(cluster: Cluster, image: str, client: ClientPod) -> Iterator[Release]:  # noqa: ARG001  # brings scripts
    release = Release(cluster, image, "steady", "fullnameOverride=steady", numbers=(f"replicas={PODS}",))
    release.install()
    yield release
    release.uninstall()


def delete_a_pod(cluster: Cluster, release: Release) -> None:
    cluster.kubectl("delete", "pod", release.pods()[0]["metadata"]["name"])


def change_a_value(_: Cluster, release: Release) -> None:
    release.upgrade("serving.logLevel=warning")


def roll_back(_: Cluster, release: Release) -> None:
    release.roll_back()


def scale_down(_: Cluster, release: Release) -> None:
    release.set_number(f"replicas={PODS + 1}")
    release.set_number(f"replicas={PODS}")


def drain_a_node(cluster: Cluster, release: Release) -> None:
    node = release.pods()[0]["spec"]["nodeName"]
    try:
        cluster.kubectl("drain", node, "--pod-selector=app.kubernetes.io/instance=steady", "--timeout=120s")
    finally:
        run("kubectl", "uncordon", node)


@pytest.mark.parametrize(
    "operate",
    [
        pytest.param(delete_a_pod, marks=pytest.mark.e2e),
        pytest.param(change_a_value, marks=pytest.mark.e2e_full),
        pytest.param(roll_back, marks=pytest.mark.e2e_full),
        pytest.param(scale_down, marks=pytest.mark.e2e_full),
        pytest.param(drain_a_node, marks=pytest.mark.e2e_full),
    ],
    ids=lambda operate: operate.__name__,
)
def test_no_request_fails(
    cluster: Cluster, steady: Release, image: str, transcript: Transcript, operate: Operation
) -> None:
    name = operate.__name__.replace("_", " ")
    load = LoadPod(cluster, image, "steady", f"load-{name.replace(' ', '-')}", RATE)
    load.start()
    started = time.monotonic()
    time.sleep(2)
    operate(cluster, steady)
    eventually("all pods, ready again", lambda: _all_ready(steady.pods()))
    time.sleep(max(2.0, started + 1.1 * FEWEST / RATE - time.monotonic()))
    report = load.stop()
    load.remove()
    transcript.note(f"requests over: {name}", f"{report['sent']} sent, {report['failed']} failed")
    assert report["failed"] == 0, report
    assert report["sent"] >= FEWEST


def _all_ready(pods: list[dict[str, Any]]) -> bool:
    return len(pods) == PODS and all(map(is_ready, pods))
