"""What happens to rollouts while they run: people who decide, killed servers, a Prometheus that is away, a shop."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.e2e.client_pod import pod_of
from tests.e2e.cluster import CommandError, eventually, run
from tests.e2e.gateway import weights
from tests.e2e.node_pod import kill_server
from tests.e2e.observers import InClusterPrometheus
from tests.e2e.release import is_ready
from tests.e2e.rollouts import Course, Ground, Meanwhile
from tests.e2e.rollouts_driver import Driver, record_of, tell_command

_BEGIN_SECONDS = 900
_OUTAGE_SECONDS = 120
_SHOP = "shop"
GUARD = (
    'sales=shop_conversions_total{release="$release",track="$track"}'
    '/shop_visits_total{release="$release",track="$track"}'
)
"""The test of the shop's outcomes, as `--guard` takes it."""
STABLE_SHARE, CANARY_SHARE = "0.6", "0.3"
"""Of the shop's visits, those that buy."""


def wait_for_weight(ground: Ground, course: Course, percent: int) -> None:
    """Until the canary gets so many percent of the requests."""
    eventually(
        f"weight {percent} of {course.name}",
        lambda: weights(ground.cluster, course.name)[1:] >= [percent],
        timeout_seconds=_BEGIN_SECONDS,
    )


def abort_when_held(ground: Ground, course: Course, held: dict[str, str]) -> Meanwhile:
    """Decide as a person: abort a rollout that is held, and keep the reason in `held`, under the course's name."""

    def watch(driver: Driver) -> None:
        while driver.wait(5) is None:
            with suppress(CommandError):  # there is no record yet
                record = record_of(ground.cluster, course.name)
                if record["held"]:
                    held[course.name] = record["reason"]
                    run(*tell_command("abort", ground.cluster.namespace, course.name))
                    return

    return watch


def kill_canary(ground: Ground, course: Course) -> Meanwhile:
    """Kill every server of the canary from its second step on, each time that it is back, until the rollout is over."""
    labels = f"app.kubernetes.io/instance={course.name},plimsoll.dev/track=canary"

    def kill(driver: Driver) -> None:
        wait_for_weight(ground, course, 25)
        while driver.wait(1) is None:
            for pod in ground.cluster.select("pods", labels):
                if is_ready(pod) and "deletionTimestamp" not in pod["metadata"]:
                    with suppress(AssertionError):  # it was gone before it could be killed
                        kill_server(ground.image, pod)

    return kill


class Outage:
    """Takes Prometheus away for two minutes, once so many rollouts have given their canaries requests."""

    def __init__(self, prometheus: InClusterPrometheus, rollouts: int) -> None:
        self._prometheus = prometheus
        self._all_there = threading.Barrier(rollouts)

    def during(self, ground: Ground, course: Course) -> Meanwhile:
        """Take part with a rollout."""

        def take_part(driver: Driver) -> None:
            del driver
            wait_for_weight(ground, course, 5)
            if self._all_there.wait(timeout=_BEGIN_SECONDS) == 0:
                time.sleep(30)
                self._prometheus.stop()
                time.sleep(_OUTAGE_SECONDS)
                self._prometheus.resume()

        return take_part


@contextmanager
def shop(ground: Ground, course: Course) -> Iterator[None]:
    """A shop whose visitors buy less often from the canary, and which Prometheus scrapes."""
    command = ["python", "/rollouts/outcomes.py", course.name, STABLE_SHARE, CANARY_SHARE]
    pod = pod_of(_SHOP, ground.image, command)
    pod["spec"]["containers"][0]["ports"] = [{"name": "metrics", "containerPort": 9100}]
    pod["metadata"]["labels"]["app"] = _SHOP
    monitor = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": {"name": _SHOP},
        "spec": {
            "selector": {"matchLabels": {"app": _SHOP}},
            "podMetricsEndpoints": [{"port": "metrics", "interval": "5s"}],
        },
    }
    ground.cluster.apply(pod, monitor)
    try:
        eventually("the shop", lambda: is_ready(ground.cluster.get("pod", _SHOP)))
        yield
    finally:
        ground.cluster.kubectl("delete", "pod,podmonitor", _SHOP)


def step_and_restart(ground: Ground, course: Course) -> Meanwhile:
    """Add a pod of stable, by the call that an autoscaler makes, and then have its oldest one replaced."""
    labels = f"app.kubernetes.io/instance={course.name},plimsoll.dev/track=stable"

    def change(driver: Driver) -> None:
        del driver
        wait_for_weight(ground, course, 1)
        ground.cluster.kubectl("scale", "deployment", f"{course.name}-stable", f"--replicas={course.pods + 1}")
        time.sleep(20)
        oldest = ground.cluster.select("pods", labels)[0]["metadata"]["name"]
        ground.cluster.kubectl("delete", "pod", oldest, "--wait=false")

    return change
