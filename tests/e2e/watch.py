"""A Deployment that is looked at while something happens to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from tests.e2e.cluster import Cluster


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
