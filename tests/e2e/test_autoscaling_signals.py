"""The signal that pods follow beside the one before it: the same requests to two releases at the same time."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.autoscaler import Autoscaler
from tests.e2e.client_pod import ClientPod, LoadPod
from tests.e2e.cluster import Cluster, eventually
from tests.e2e.observers import InClusterPrometheus
from tests.e2e.release import OWN_MODEL, Release, namespace_in
from tests.e2e.scaling_course import AGREED_SECONDS, BURSTS, PARTS, STEADY, STEP, Sight, Wish, draw, pods_for
from tests.e2e.transcript import Transcript

pytestmark = pytest.mark.e2e_full

MEAN, SAMPLES = "by-mean", "by-samples"
TITLES = {MEAN: "the mean of a minute, exactly", SAMPLES: "the mean of two samples, as it was"}
_CONCURRENCY = 16
_AS_IT_WAS = {
    "plimsoll:inflight:sum": """
        sum by (cluster, namespace, service) (
          avg_over_time(plimsoll_requests_in_flight{service="by-samples-stable"}[30s])
          and plimsoll_requests_in_flight{service="by-samples-stable"}
        )
    """,
    "plimsoll:latency_guard:ratio": """
        0 * group by (cluster, namespace, service) (plimsoll_build_info{service="by-samples-stable"})
    """,
}
_RULES_AS_THEY_WERE = {
    "apiVersion": "monitoring.coreos.com/v1",
    "kind": "PrometheusRule",
    "metadata": {"name": SAMPLES},
    "spec": {
        "groups": [
            {
                "name": SAMPLES,
                "rules": [{"record": record, "expr": expr} for record, expr in _AS_IT_WAS.items()],
            }
        ]
    },
}


@pytest.fixture
def autoscalers(
    cluster: Cluster,
    slow_image: str,
    adapted: InClusterPrometheus,
    client: ClientPod,  # noqa: ARG001  # brings scripts
) -> Iterator[dict[str, Autoscaler]]:
    """Of two releases that differ in nothing but how requests in flight are recorded; scraped as by default."""
    cluster.apply(_RULES_AS_THEY_WERE)
    with ExitStack() as stack:
        for name in (MEAN, SAMPLES):
            release = Release(
                cluster, slow_image, name, *OWN_MODEL,
                "autoscaling.engine=prometheusAdapter", "resources.requests.cpu=50m",
                namespace_in("networkPolicy.prometheus", adapted.namespace),
                typed=(
                    "monitoring.podMonitor.enabled=true", f"monitoring.rules.enabled={str(name == MEAN).lower()}",
                    f"serving.concurrency={_CONCURRENCY}", "serving.queueLimit=400", "serving.objectiveMs=5000",
                    "autoscaling.minReplicas=1", "autoscaling.maxReplicas=6", "autoscaling.coldStartSeconds=0",
                    "autoscaling.scaleDownAfterSeconds=60", "autoscaling.cpuPercent=1000",
                ),
            )  # fmt: skip
            release.install()
            stack.callback(release.uninstall)
        found = {name: Autoscaler(cluster, f"{name}-stable") for name in (MEAN, SAMPLES)}
        for autoscaler in found.values():
            eventually("both signals", partial(_passed_on, autoscaler), timeout_seconds=240)
            autoscaler.wait_for_its_signal()
        yield found
    cluster.kubectl("delete", "prometheusrule", SAMPLES)


@pytest.mark.timeout(2400)  # the course of the load takes 1320 s
def test_the_mean_in_flight_asks_for_the_pods_that_are_needed_and_no_more(
    cluster: Cluster, slow_image: str, autoscalers: dict[str, Autoscaler], adapted: InClusterPrometheus,
    transcript: Transcript,
) -> None:  # fmt: skip
    steps = [f"{rate}:{seconds}" for part in PARTS for rate, seconds in part.steps]
    loads = [LoadPod(cluster, slow_image, name, f"load-{name}", "", "--steps", *steps) for name in autoscalers]
    for load in loads:
        load.start()
    begun = time.time()
    wishes: dict[str, list[Wish]] = {name: [] for name in autoscalers}
    while (at := time.time() - begun) < sum(part.seconds for part in PARTS):
        for name, autoscaler in autoscalers.items():
            wishes[name].append(Wish(at, autoscaler.look().wanted))
        time.sleep(2)
    ended = time.time()
    reports = [load.stop() for load in loads]
    for load in loads:
        load.remove()
    mean, samples = (
        Sight(
            title, [(moment - begun, value) for moment, value in _recorded(adapted, name, begun, ended)], wishes[name]
        )
        for name, title in TITLES.items()
    )
    _write_down(transcript, mean, samples)
    assert [report["failed"] for report in reports] == [0, 0], str(reports)
    in_flight, deviation = mean.mean_and_deviation(STEADY)
    assert deviation < 0.05 * in_flight
    # Until new pods are ready requests queue, which are in flight too: the slower the machine, the more.
    assert mean.most_wanted(STEADY, AGREED_SECONDS) == pods_for(in_flight)
    # A burst of 20 s needs two pods; on a slow machine its requests queue, and then its signal says how many.
    assert mean.most_wanted(BURSTS) <= max(2, pods_for(mean.most_in_flight(BURSTS)))
    in_flight, _ = mean.mean_and_deviation(STEP)
    assert mean.most_wanted(STEP, AGREED_SECONDS) == pods_for(in_flight)


def _write_down(transcript: Transcript, *sights: Sight) -> None:
    for part in (STEADY, STEP):
        for sight in sights:
            in_flight, deviation = sight.mean_and_deviation(part)
            transcript.note(
                f"{part.name}: {sight.title}",
                f"{in_flight:.1f} in flight, standard deviation {100 * deviation / in_flight:.1f} %; "
                f"{sight.most_wanted(part)} pods wanted at most, {pods_for(in_flight)} needed",
            )
    for sight in sights:
        transcript.note(f"{BURSTS.name}: {sight.title}", f"{sight.most_wanted(BURSTS)} pods wanted at most, 2 needed")
    target = os.environ.get("PLIMSOLL_E2E_TRANSCRIPT")
    if target:
        draw(list(sights), Path(target).with_name("autoscaling-signals.png"))


def _passed_on(autoscaler: Autoscaler) -> bool:
    return {autoscaler.metric(name) for name in ("plimsoll_inflight", "plimsoll_latency_guard")} == {0}


def _recorded(prometheus: InClusterPrometheus, name: str, begun: float, ended: float) -> list[tuple[float, float]]:
    return prometheus.history(f'plimsoll:inflight:sum{{service="{name}-stable"}}', begun, ended)
