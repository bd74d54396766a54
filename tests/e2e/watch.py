"""Deployments that are looked at while something happens to them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

from tests.e2e.cluster import Cluster


def ready_pods(cluster: Cluster, deployment: str) -> int:
    """How many pods of a Deployment are ready."""
    return int(cluster.get("deployment", deployment)["status"].get("readyReplicas", 0))


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


@contextmanager
def pods_stay(cluster: Cluster, pods: dict[str, int], what: str) -> Iterator[dict[str, list[tuple[int, int]]]]:
    """Every look at some Deployments, each of which must want its pods and have them ready all the time."""
    with ExitStack() as watches:
        seen = {deployment: watches.enter_context(watched_pods(cluster, deployment)) for deployment in pods}
        yield seen
    for deployment, count in pods.items():
        assert seen[deployment], f"{what}: nobody looked at {deployment}"
        assert {wanted for wanted, _ in seen[deployment]} == {count}, (what, deployment, seen[deployment])
        assert min(ready for _, ready in seen[deployment]) >= count, (what, deployment, seen[deployment])
