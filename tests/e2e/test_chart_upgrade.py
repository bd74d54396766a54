"""From the chart before to this one, with both ways to apply: pods never become fewer, and nothing is in conflict."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.client_pod import ClientPod
from tests.e2e.cluster import Cluster
from tests.e2e.release import Release
from tests.e2e.transcript import Transcript

pytestmark = pytest.mark.e2e_full

PREVIOUS = max((Path(__file__).parent / "previous").glob("plimsoll-*.tgz"))
PODS = 2
CHANGES = {
    "the chart alone": (),
    "model": ("model.version=2",),
    "resources": ("resources.requests.cpu=120m",),
}


@contextmanager
def watched_pods(cluster: Cluster, deployment: str) -> Iterator[list[tuple[int, int]]]:
    """Wanted and ready pods of a Deployment, as often as they can be looked at, while the block runs."""
    seen: list[tuple[int, int]] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.2):
            found = cluster.get("deployment", deployment)
            seen.append((found["spec"]["replicas"], found["status"].get("readyReplicas", 0)))

    with ThreadPoolExecutor(max_workers=1) as watching:
        watch = watching.submit(look)
        try:
            yield seen
        finally:
            over.set()
        watch.result()  # raises what went wrong while looking


@pytest.mark.parametrize("server_side", ["true", "false"])
def test_no_ready_pod_is_missed(
    cluster: Cluster, image: str, client: ClientPod, transcript: Transcript, server_side: str
) -> None:
    apply = f"--server-side={server_side}"
    release = Release(cluster, image, "older", typed=(f"replicas={PODS}",))
    release.install(PREVIOUS, apply)
    for change, values in CHANGES.items():
        with watched_pods(cluster, "older-stable") as seen:
            release.upgrade(*values, options=("--reset-then-reuse-values", apply))
        assert {wanted for wanted, _ in seen} == {PODS}, change
        assert min(ready for _, ready in seen) >= PODS, change
        transcript.note(
            f"{PREVIOUS.stem} to this chart, {apply}, {change}", f"{PODS} of {PODS} ready, {len(seen)} looks"
        )
    assert client.request("http://older:8000/v1/predict", "/examples/digits/7.json")["status"] == 200
    release.uninstall()
