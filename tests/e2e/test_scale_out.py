"""From one pod to two, the image on the node: how soon the second one answers, now and with the version before."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.e2e.client_pod import ROW, ClientPod
from tests.e2e.cluster import Cluster
from tests.e2e.release import CHART, Release
from tests.e2e.test_chart_upgrade import PREVIOUS
from tests.e2e.transcript import Transcript

pytestmark = pytest.mark.e2e_full

TURNS = 5
_WATCH_SECONDS = 120
_STATE = (
    r'--output=jsonpath={.metadata.name} {.status.conditions[?(@.type=="PodScheduled")].status} '
    r'{.status.conditions[?(@.type=="Ready")].status} {.status.podIP}{"\n"}'
)


def test_a_second_pod_answers(
    cluster: Cluster, image: str, slim_image: str, previous_image: str, client: ClientPod, transcript: Transcript
) -> None:
    """The versions take turns. A pod is scheduled, and ready, when a watch says so."""
    titles = {"now": "this image", "slim": "the slim image", "before": f"the image of before, {PREVIOUS.stem}"}
    images = {"now": image, "slim": slim_image, "before": previous_image}
    releases = {name: Release(cluster, images[name], name) for name in titles}
    for name, release in releases.items():
        release.install(PREVIOUS if name == "before" else CHART)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in releases}
    for _ in range(TURNS):
        for name, release in releases.items():
            found[name].append(_scale_out(cluster, client, release, f"{name}-stable"))
    for name, release in releases.items():
        answered, ready = zip(*found[name], strict=True)
        transcript.note(f"from 1 to 2 pods, {titles[name]}: scheduled to first answer", _spread(answered))
        transcript.note(f"from 1 to 2 pods, {titles[name]}: scheduled to ready", _spread(ready))
        release.uninstall()


def _scale_out(cluster: Cluster, client: ClientPod, release: Release, deployment: str) -> tuple[float, float]:
    """Seconds from scheduled to the first answer, and to ready, of a second pod. Afterwards there is one again."""
    first = release.settle()["metadata"]["name"]
    scheduled_at: float | None = None
    answer: Future[str] | None = None
    with ThreadPoolExecutor(1) as threads, _changes(cluster, release.labels) as changes:
        cluster.kubectl("scale", "deployment", deployment, "--replicas=2")
        for pod, scheduled, ready, address in changes:
            if pod == first:
                continue
            if scheduled == "True" and scheduled_at is None:
                scheduled_at = time.time()
            if address and answer is None:
                answer = threads.submit(client.execute, "python", "/scripts/until_answer.py", address, "8000", ROW)
            if ready == "True":
                ready_at = time.time()
                break
        else:
            pytest.fail(f"{deployment} had no second ready pod within {_WATCH_SECONDS} s")
        assert scheduled_at is not None
        assert answer is not None
        answered_at = float(answer.result(timeout=60))
    cluster.kubectl("scale", "deployment", deployment, "--replicas=1")
    return answered_at - scheduled_at, ready_at - scheduled_at


@contextmanager
def _changes(cluster: Cluster, labels: str) -> Iterator[Iterator[list[str]]]:
    """The pods with these labels and each change of them: name, scheduled, ready and address; empty if not known."""
    selected = ("pods", f"--selector={labels}", "--watch", f"--request-timeout={_WATCH_SECONDS}s", _STATE)
    command = ["kubectl", "--namespace", cluster.namespace, "get", *selected]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watch:
        assert watch.stdout is not None
        try:
            yield (line.rstrip("\n").split(" ") for line in watch.stdout)
        finally:
            watch.terminate()


def _spread(seconds: Iterable[float]) -> str:
    least, *_, most = in_order = sorted(seconds)
    return f"{statistics.median(in_order):.1f} s ({least:.1f} to {most:.1f})"
