"""Operations on two pods under load, whose clients try nothing twice: planned ones fail no request.

A pod that is killed may fail what it was asked at that moment; it is counted.
"""

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
CLIENTS = 8
"""Of the load; each has one request in flight at most."""
Operation = Callable[[Cluster, Release, str], None]
"""Takes another image than the one that is running, too."""


@pytest.fixture(scope="module")
def steady(cluster: Cluster, image: str, client: ClientPod) -> Iterator[Release]:  # noqa: ARG001  # brings scripts
    release = Release(cluster, image, "steady", typed=(f"replicas={PODS}",))
    release.install()
    yield release
    release.uninstall()


def delete_a_pod(cluster: Cluster, release: Release, _: str) -> None:
    cluster.kubectl("delete", "pod", release.pods()[0]["metadata"]["name"])


def change_the_image(_cluster: Cluster, release: Release, other_image: str) -> None:
    repository, _, tag = other_image.rpartition(":")
    release.upgrade(f"image.repository={repository}", f"image.tag={tag}")


def change_a_value(_cluster: Cluster, release: Release, _: str) -> None:
    release.upgrade("serving.logLevel=warning")


def roll_back(_cluster: Cluster, release: Release, _: str) -> None:
    release.roll_back()


def scale_down(_cluster: Cluster, release: Release, _: str) -> None:
    release.upgrade(typed=(f"replicas={PODS + 1}",))
    release.upgrade(typed=(f"replicas={PODS}",))


def drain_a_node(cluster: Cluster, release: Release, _: str) -> None:
    node = release.pods()[0]["spec"]["nodeName"]
    try:
        cluster.kubectl("drain", node, "--pod-selector=app.kubernetes.io/instance=steady", "--delete-emptydir-data")
    finally:
        run("kubectl", "uncordon", node)


def kill_a_pod(cluster: Cluster, release: Release, _: str) -> None:
    """Without a grace period: SIGKILL a second after SIGTERM, whatever the server is doing."""
    cluster.kubectl("delete", "pod", release.pods()[0]["metadata"]["name"], "--force", "--grace-period=0")


@pytest.mark.parametrize(
    "operate",
    [
        pytest.param(delete_a_pod, marks=pytest.mark.e2e),
        pytest.param(change_the_image, marks=pytest.mark.e2e_full),
        pytest.param(change_a_value, marks=pytest.mark.e2e_full),
        pytest.param(roll_back, marks=pytest.mark.e2e_full),
        pytest.param(scale_down, marks=pytest.mark.e2e_full),
        pytest.param(drain_a_node, marks=pytest.mark.e2e_full),
    ],
    ids=lambda operate: operate.__name__,
)
def test_a_planned_operation_fails_no_request(
    cluster: Cluster,
    steady: Release,
    image: str,
    transcript: Transcript,
    operate: Operation,
    request: pytest.FixtureRequest,
) -> None:
    other_image = request.getfixturevalue("own_image") if operate is change_the_image else image
    report = _report_of(cluster, steady, image, other_image, operate)
    transcript.note(f"requests over: {operate.__name__.replace('_', ' ')}", _counts(report))
    assert report["failed"] == 0, report
    assert report["sent"] >= FEWEST


@pytest.mark.e2e_full
def test_a_killed_pod_fails_what_it_was_asked_and_no_more(
    cluster: Cluster, steady: Release, image: str, transcript: Transcript
) -> None:
    report = _report_of(cluster, steady, image, image, kill_a_pod)
    transcript.note("requests over: kill a pod", f"{_counts(report)}: {report['errors']}")
    assert report["sent"] >= FEWEST
    assert report["failed"] <= CLIENTS, report


def _report_of(cluster: Cluster, release: Release, image: str, other_image: str, operate: Operation) -> dict[str, Any]:
    """What happened to the requests before, during and after an operation."""
    load = LoadPod(cluster, image, "steady", f"load-{operate.__name__.replace('_', '-')}", RATE)
    load.start()
    started = time.monotonic()
    time.sleep(2)
    operate(cluster, release, other_image)
    eventually("all pods ready again, and the old ones gone", lambda: _all_ready(release.all_pods()))
    time.sleep(max(2.0, started + 1.1 * FEWEST / RATE - time.monotonic()))
    report = load.stop()
    load.remove()
    return report


def _counts(report: dict[str, Any]) -> str:
    return f"{report['sent']} sent, {report['failed']} failed"


def _all_ready(pods: list[dict[str, Any]]) -> bool:
    return len(pods) == PODS and all(map(is_ready, pods))
