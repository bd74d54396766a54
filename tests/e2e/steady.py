"""Two pods under a steady load, and what happens to its requests while something happens to the pods."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tests.e2e.client_pod import LoadPod
from tests.e2e.cluster import Cluster, eventually
from tests.e2e.release import Release, is_ready

NAME = "steady"
PODS = 2
RATE = 100
"""Requests per second."""
IN_FLIGHT = 8
"""Requests that are in flight at a moment, generously: an answer takes some milliseconds."""
FEWEST = 2000
"""Requests over each operation."""


class Steady:
    """A release of two pods that are asked all the time."""

    def __init__(self, cluster: Cluster, image: str) -> None:
        self.cluster = cluster
        self.release = Release(cluster, image, NAME, typed=(f"replicas={PODS}",))
        self._image = image

    def report_over(
        self, what: str, operate: Callable[[], None], service: str = NAME, node: str = ""
    ) -> dict[str, Any]:
        """What happened to the requests before, during and after an operation, once every pod is ready again.

        They are sent to a Service, by its name or its address, from the node that is named, if one is.
        """
        load = LoadPod(self.cluster, self._image, service, f"load-{what.replace(' ', '-')}", node, f"--rate={RATE}")

        def operate_and_settle() -> None:
            operate()
            eventually("all pods ready again, and the old ones gone", self._all_ready, timeout_seconds=240)

        return report_over(load, operate_and_settle)

    def ready_endpoints(self) -> int:
        """How many pods the Service sends requests to."""
        slices = self.cluster.select("endpointslices", f"kubernetes.io/service-name={NAME}")
        return sum(bool(each["conditions"]["ready"]) for slice_ in slices for each in slice_["endpoints"])

    def _all_ready(self) -> bool:
        pods = self.release.all_pods()
        return len(pods) == PODS and all(map(is_ready, pods))


def report_over(load: LoadPod, operate: Callable[[], None]) -> dict[str, Any]:
    """What happened to the requests before, during and after an operation; they are `FEWEST` or more."""
    load.start()
    started = time.monotonic()
    time.sleep(2)
    operate()
    time.sleep(max(2.0, started + 1.1 * FEWEST / RATE - time.monotonic()))
    report = load.stop()
    load.remove()
    assert report["sent"] >= FEWEST
    return report


def counts(report: dict[str, Any]) -> str:
    """How many requests were sent, and how many of them failed in which ways."""
    errors = ", ".join(f"{count} {name.partition(':')[0]}" for name, count in report["errors"].items())
    return f"{report['sent']} sent, {report['failed']} failed{f' ({errors})' if errors else ''}"
