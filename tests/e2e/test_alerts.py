"""Each page and ticket about an outage fires on a cluster for its cause, and ends when the cause does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.e2e.client_pod import ClientPod
from tests.e2e.cluster import Cluster, eventually
from tests.e2e.observers import InClusterPrometheus
from tests.e2e.release import OWN_MODEL, Release, is_ready, namespace_in
from tests.e2e.test_hostile import ASK_FOR_EVER
from tests.e2e.transcript import Transcript

pytestmark = pytest.mark.e2e_full

_KEYS = "alerting-keys"
_PATIENCE_SECONDS = 900
Install = Callable[..., Release]


@dataclass(frozen=True)
class Outage:
    """One cause: what brings it about, what ends it, and the alert that tells of it, by its service and labels."""

    alert: str
    service: str
    begin: Callable[[], object]
    end: Callable[[], object]
    labels: str = ""


@pytest.fixture
def install(cluster: Cluster, prometheus: InClusterPrometheus) -> Iterator[Install]:
    """Makes releases that Prometheus scrapes every five seconds, with rules of their own."""
    made: list[Release] = []

    def watched(image: str, name: str, *values: str, wait: bool = True) -> Release:
        release = Release(
            cluster, image, name, "monitoring.podMonitor.interval=5s",
            namespace_in("networkPolicy.prometheus", prometheus.namespace), *values,
            typed=("monitoring.podMonitor.enabled=true", "monitoring.rules.enabled=true"),
        )  # fmt: skip
        release.install(wait=wait)
        made.append(release)
        # The alerts are about services that Prometheus has seen: a pod that goes before that is no outage to it.
        scraped = f'plimsoll_build_info{{service="{name}-stable"}}'
        eventually(f"a scrape of {name}", lambda: bool(prometheus.query(scraped)), timeout_seconds=240)
        return release

    yield watched
    for release in made:
        release.uninstall()


@pytest.fixture
def stable_gone(cluster: Cluster, image: str, install: Install) -> Outage:
    """Stable's only pod goes, and a quota lets no other one come; its canary stays."""
    install(image, "gone", "model.version=1", "canary.mode=replicas", "canary.model.version=2")
    (pod,) = cluster.select("pods", "app.kubernetes.io/instance=gone,plimsoll.dev/track=stable")
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "full"}, "spec": {"hard": {"pods": "1"}}}

    def begin() -> None:
        cluster.apply(quota)
        cluster.kubectl("delete", "pod", pod["metadata"]["name"])

    def end() -> None:
        cluster.kubectl("delete", "resourcequota", "full")

    return Outage("PlimsollNobodyServed", "gone-stable", begin, end, ', cause="pods"')


@pytest.fixture
def version_missing(image: str, install: Install) -> Outage:
    """The version that is wanted does not exist."""
    release = install(image, "missing", "model.version=99", wait=False)
    return Outage(
        "PlimsollNobodyServed", "missing-stable", _nothing, lambda: release.upgrade("model.version=1"),
        ', cause="versions"',
    )  # fmt: skip


@pytest.fixture
def model_hung(hanging_image: str, client: ClientPod, install: Install) -> Outage:
    """A request on which the model hangs; Kubernetes ends it by restarting the pod."""
    stuck_seconds = ("extraEnv[0].name=PLIMSOLL_STUCK_SECONDS", "extraEnv[0].value=20")
    release = install(hanging_image, "hung", *OWN_MODEL, *stuck_seconds)

    def begin() -> None:
        assert client.execute("python", "-c", ASK_FOR_EVER, release.the_pod()["status"]["podIP"]).strip() == "hangs"

    return Outage("PlimsollModelStuck", "hung-stable", begin, _nothing)


@pytest.fixture
def keys_broken(cluster: Cluster, image: str, install: Install) -> Iterator[Outage]:
    """The Secret of the keys is no YAML any more."""
    cluster.apply_keys(_KEYS)
    install(image, "locked", f"auth.existingSecret={_KEYS}")
    yield Outage(
        "PlimsollFileBroken", "locked-stable", lambda: cluster.apply_secret(_KEYS, "keys.yaml", "keys: ["),
        lambda: cluster.apply_keys(_KEYS), ', file="keys"',
    )  # fmt: skip
    cluster.kubectl("delete", "secret", _KEYS)


def test_every_alert_about_an_outage_fires_for_its_cause_and_ends_with_it(
    cluster: Cluster, prometheus: InClusterPrometheus, transcript: Transcript, request: pytest.FixtureRequest
) -> None:
    # Made one by one, all before the first begins; the quota begins last and ends first.
    names = ("model_hung", "keys_broken", "version_missing", "stable_gone")
    outages: list[Outage] = [request.getfixturevalue(name) for name in names]
    begun = []
    for outage in outages:
        outage.begin()
        begun.append(time.monotonic())
    fired = [_seconds_until(prometheus, each, since, firing=True) for each, since in zip(outages, begun, strict=True)]
    canary = cluster.select("pods", "app.kubernetes.io/instance=gone,plimsoll.dev/track=canary")
    assert [is_ready(pod) for pod in canary] == [True], "it has lived all the time"
    for outage in reversed(outages):
        outage.end()
    ended_at = time.monotonic()
    for outage, fires in zip(outages, fired, strict=True):
        ended = _seconds_until(prometheus, outage, ended_at, firing=False)
        what = f"{outage.alert}{outage.labels.replace(', ', ' ')} of {outage.service}"
        transcript.note(what, f"fires after {fires:.0f} s, ends {ended:.0f} s after its cause")


def _nothing() -> None:
    """It begins or ends by itself."""


def _seconds_until(prometheus: InClusterPrometheus, outage: Outage, since: float, *, firing: bool) -> float:
    series = f'ALERTS{{alertname="{outage.alert}", service="{outage.service}", alertstate="firing"{outage.labels}}}'
    eventually(
        f"{series} is {firing}",
        lambda: bool(prometheus.query(series)) is firing,
        timeout_seconds=_PATIENCE_SECONDS,
    )
    return time.monotonic() - since
