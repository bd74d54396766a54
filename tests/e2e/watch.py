"""Deployments that are watched while something happens to them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.e2e.cluster import Cluster

_NUMBERS = r'--output=jsonpath={.spec.replicas} {.status.readyReplicas}{"\n"}'


def ready_pods(cluster: Cluster, deployment: str) -> int:
    """How many pods of a Deployment are ready."""
    return int(cluster.get("deployment", deployment)["status"].get("readyReplicas", 0))


def wanted_pods(cluster: Cluster, deployment: str) -> int:
    """How many pods of a Deployment there should be."""
    return int(cluster.get("deployment", deployment)["spec"]["replicas"])


@contextmanager
def watched_pods(cluster: Cluster, deployment: str) -> Iterator[list[tuple[int, int]]]:
    """Wanted and ready pods of a Deployment at first and after every change; filled in once the block is over."""
    seen: list[tuple[int, int]] = []
    command = ["kubectl", "--namespace", cluster.namespace, "get", "deployment", deployment, "--watch", _NUMBERS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watch:
        assert watch.stdout is not None
        lines = [watch.stdout.readline()]
        try:
            yield seen
            assert watch.poll() is None, f"the watch of {deployment} ended by itself"
        finally:
            watch.terminate()
            lines += watch.stdout.readlines()
    for wanted, *ready in map(str.split, filter(None, lines)):
        seen.append((int(wanted), int(ready[0]) if ready else 0))


@contextmanager
def pods_stay(cluster: Cluster, pods: dict[str, int], what: str) -> Iterator[dict[str, list[tuple[int, int]]]]:
    """The same of some Deployments, each of which must want its pods and have them ready all the time."""
    with ExitStack() as watches:
        seen = {deployment: watches.enter_context(watched_pods(cluster, deployment)) for deployment in pods}
        yield seen
    for deployment, count in pods.items():
        assert {wanted for wanted, _ in seen[deployment]} == {count}, (what, deployment, seen[deployment])
        assert min(ready for _, ready in seen[deployment]) >= count, (what, deployment, seen[deployment])
