"""Pods that follow requests in flight and latency, by Prometheus, its adapter and the real controller."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.autoscaler import Autoscaler, Look
from tests.e2e.client_pod import ClientPod, LoadPod
from tests.e2e.cluster import Cluster, eventually
from tests.e2e.observers import InClusterPrometheus
from tests.e2e.release import OWN_MODEL, Release, namespace_in
from tests.e2e.transcript import Transcript

NAME = "scaled"
MOST = 3
CONCURRENCY = 4
RECORDED = {"plimsoll_inflight": "plimsoll:inflight:sum", "plimsoll_latency_guard": "plimsoll:latency_guard:ratio"}


@pytest.fixture(scope="module")
def scaled(
    cluster: Cluster,
    slow_image: str,
    adapted: InClusterPrometheus,
    client: ClientPod,  # noqa: ARG001  # brings scripts
) -> Iterator[Release]:
    """A slow model whose pods follow the requests in flight; the latency objective is out of reach of it."""
    release = Release(
        cluster, slow_image, NAME, *OWN_MODEL, "autoscaling.engine=prometheusAdapter",
        "monitoring.podMonitor.interval=5s", namespace_in("networkPolicy.prometheus", adapted.namespace),
        typed=(
            "monitoring.podMonitor.enabled=true", "monitoring.rules.enabled=true",
            f"serving.concurrency={CONCURRENCY}", "serving.queueLimit=200", "serving.objectiveMs=5000",
            "autoscaling.minReplicas=1", f"autoscaling.maxReplicas={MOST}", "autoscaling.coldStartSeconds=0",
            "autoscaling.scaleDownAfterSeconds=10", "autoscaling.cpuPercent=1000",
        ),
    )  # fmt: skip
    release.install()
    yield release
    release.uninstall()


@pytest.fixture(scope="module")
def autoscaler(cluster: Cluster, scaled: Release) -> Autoscaler:  # noqa: ARG001  # its release is there
    found = Autoscaler(cluster, f"{NAME}-stable")
    # It sees as soon as one of its metrics is there; here all of them have to be.
    eventually("what the adapter passes on", lambda: [found.metric(name) for name in RECORDED], timeout_seconds=180)
    found.wait_for_its_signal()
    return found


class Timeline:
    """What an autoscaler said while it was waited for."""

    def __init__(self, autoscaler: Autoscaler) -> None:
        self._autoscaler = autoscaler
        self._started = time.monotonic()
        self.looks: list[tuple[float, Look]] = []

    def until(self, what: str, reached: Callable[[Look], bool]) -> None:
        """Look until it is so."""
        eventually(what, lambda: reached(self._look()), timeout_seconds=240)

    def _look(self) -> Look:
        look = self._autoscaler.look()
        if not self.looks or self.looks[-1][1] != look:
            self.looks.append((time.monotonic() - self._started, look))
        return look

    def __str__(self) -> str:
        return ", ".join(f"{look.pods} of {look.wanted} at {at:.0f} s" for at, look in self.looks)


@pytest.mark.e2e
def test_the_custom_metrics_are_what_prometheus_recorded(autoscaler: Autoscaler, adapted: InClusterPrometheus) -> None:
    for metric, series in RECORDED.items():
        (found,) = adapted.query(f'{series}{{service="{NAME}-stable"}}')
        assert autoscaler.metric(metric) == float(found["value"][1]) == 0


@pytest.mark.e2e
def test_requests_in_flight_bring_pods_and_their_end_takes_them_away(
    cluster: Cluster, slow_image: str, autoscaler: Autoscaler, adapted: InClusterPrometheus, transcript: Transcript
) -> None:
    load = LoadPod(cluster, slow_image, NAME, "load-step", "", "--rate=100")
    timeline = Timeline(autoscaler)
    load.start()
    timeline.until("more pods", lambda look: look.pods == MOST)
    told = eventually("one number from the adapter and from Prometheus", lambda: _told_alike(autoscaler, adapted))
    report = load.stop()
    load.remove()
    timeline.until("fewer pods", lambda look: look.pods == 1)
    assert report["failed"] == 0, str(report)
    assert {look.active for _, look in timeline.looks} == {"True"}
    assert any("plimsoll_inflight" in reason for reason in autoscaler.reasons())
    transcript.note("autoscaling: a load step and its end", timeline)
    transcript.note("autoscaling: the custom metric under load", f"{told:g} in flight, as by PromQL")


@pytest.mark.e2e_full
def test_latency_beyond_the_objective_brings_pods_while_few_requests_are_in_flight(
    cluster: Cluster, slow_image: str, scaled: Release, autoscaler: Autoscaler, transcript: Transcript
) -> None:
    scaled.upgrade(typed=("serving.concurrency=64", "serving.objectiveMs=50"))
    scaled.settle()
    # The requests of the test before are slow by the new objective, too, until they are two minutes old.
    eventually("their end", lambda: autoscaler.metric("plimsoll_latency_guard") == 0, timeout_seconds=240)
    eventually("one pod, and a signal", lambda: autoscaler.look() == Look(1, 1, "True"), timeout_seconds=240)
    load = LoadPod(cluster, slow_image, NAME, "load-slow", "", "--rate=40")
    timeline = Timeline(autoscaler)
    in_flight: list[float] = []

    def are_more(look: Look) -> bool:
        in_flight.append(autoscaler.metric("plimsoll_inflight"))
        return look.pods > 1

    load.start()
    timeline.until("more pods", are_more)
    load.stop()
    load.remove()
    assert {look.active for _, look in timeline.looks} == {"True"}
    assert timeline.looks[0][1].pods == 1
    assert 2 <= max(in_flight) < 0.7 * 64
    assert "plimsoll_latency_guard" in autoscaler.reasons()[-1]
    found = f"{timeline}; {max(in_flight):g} in flight at most; {autoscaler.reasons()[-1]}"
    transcript.note("autoscaling: latency beyond the objective", found)


@pytest.mark.e2e_full
def test_without_prometheus_the_pods_stay(
    autoscaler: Autoscaler, adapted: InClusterPrometheus, transcript: Transcript
) -> None:
    adapted.stop()
    eventually("the loss of the signal", lambda: autoscaler.look().active == "False", timeout_seconds=240)
    eventually("the pods that it wanted last", lambda: autoscaler.look().pods == autoscaler.look().wanted)
    before = autoscaler.look().pods
    assert before > 1
    timeline = Timeline(autoscaler)
    ended = time.monotonic() + 30  # three times the window after which pods would go
    timeline.until("half a minute", lambda _: time.monotonic() > ended)
    assert {look.pods for _, look in timeline.looks} == {before}
    adapted.resume()
    autoscaler.wait_for_its_signal()
    transcript.note("autoscaling: Prometheus stopped", f"ScalingActive False; {timeline}, and so for half a minute")


def _told_alike(autoscaler: Autoscaler, prometheus: InClusterPrometheus) -> float | None:
    """The requests in flight, where the custom metrics API and PromQL say the same and there are some."""
    (found,) = prometheus.query(f'{RECORDED["plimsoll_inflight"]}{{service="{NAME}-stable"}}')
    told = autoscaler.metric("plimsoll_inflight")
    return told if math.isclose(told, float(found["value"][1]), rel_tol=0.001) else None  # told in thousandths
