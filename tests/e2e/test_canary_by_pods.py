"""`canary.mode: replicas`: the Service leads to the pods of both tracks, connection by connection."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.e2e.client_pod import ROW, ClientPod, LoadPod
from tests.e2e.cluster import Cluster, eventually
from tests.e2e.observers import InClusterPrometheus
from tests.e2e.release import Release, namespace_in
from tests.e2e.share import counts_by_chance
from tests.e2e.steady import RATE, counts, report_over
from tests.e2e.transcript import Transcript

NAME = "pods"
STABLE, CANARY = 2, 1
"""Pods of each track."""


@pytest.fixture(scope="module")
def split(
    cluster: Cluster,
    image: str,
    prometheus: InClusterPrometheus,
    client: ClientPod,  # noqa: ARG001  # brings scripts
) -> Iterator[Release]:
    release = Release(
        cluster, image, NAME, namespace_in("networkPolicy.prometheus", prometheus.namespace),
        "monitoring.podMonitor.interval=5s", "model.version=1",
        typed=(f"replicas={STABLE}", "monitoring.podMonitor.enabled=true", "monitoring.rules.enabled=true"),
    )  # fmt: skip
    release.install()
    add_canary(release)
    yield release
    release.uninstall()


def add_canary(release: Release) -> None:
    release.upgrade("canary.mode=replicas", "canary.model.version=2", typed=(f"canary.replicas={CANARY}",))


@pytest.mark.e2e
@pytest.mark.usefixtures("split")
def test_its_share_of_the_connections_is_its_share_of_the_pods(
    cluster: Cluster, image: str, transcript: Transcript
) -> None:
    load = LoadPod(cluster, image, NAME, "load-shares", "", f"--rate={RATE}", "--new")
    report = report_over(load, lambda: None)
    assert report["failed"] == 0, report["errors"]
    within = counts_by_chance(report["ok"], CANARY / (STABLE + CANARY))
    assert report["versions"]["2"] in within, str(report)
    transcript.note(
        f"canary, {CANARY} of {STABLE + CANARY} pods",
        f"{report['versions']['2']} of {report['ok']} connections; by chance {within.start} to {within.stop - 1}",
    )


@pytest.mark.e2e
def test_each_pod_has_one_series_under_its_track_s_service(split: Release, prometheus: InClusterPrometheus) -> None:
    """So that a canary's latency moves nothing of stable's."""
    pods = {pod["metadata"]["name"]: pod["metadata"]["labels"]["plimsoll.dev/track"] for pod in split.pods()}
    assert sorted(pods.values()) == ["canary"] * CANARY + ["stable"] * STABLE

    def told() -> dict[str, tuple[str, str]] | None:
        series = prometheus.query(f'plimsoll_requests_in_flight{{service=~"{NAME}-.+"}}')
        found = {each["metric"]["pod"]: (each["metric"]["service"], each["metric"]["track"]) for each in series}
        return found if len(series) == len(found) == len(pods) else None

    assert eventually("a series of each pod", told) == {pod: (f"{NAME}-{track}", track) for pod, track in pods.items()}
    recorded = prometheus.query(f'plimsoll:latency_guard:ratio{{service=~"{NAME}-.+"}}')
    assert {each["metric"]["service"] for each in recorded} == {f"{NAME}-stable", f"{NAME}-canary"}


@pytest.mark.e2e_full
@pytest.mark.usefixtures("split")
def test_a_pod_that_does_not_serve_what_is_named_says_so(client: ClientPod) -> None:
    url = f"http://{NAME}:8000/v1/predict"
    answers = [client.request(url, ROW, **{"x-plimsoll-version": "canary"}) for _ in range(40)]
    refused = [json.loads(each["body"])["error"] for each in answers if each["status"] != 200]
    assert {each["headers"]["x-plimsoll-version"] for each in answers if each["status"] == 200} == {"2"}
    assert {each["code"] for each in refused} == {"version_not_found"}
    assert "stable" in refused[0]["expected"]


@pytest.mark.e2e_full
def test_rollback_and_promotion_fail_no_request(
    cluster: Cluster, image: str, split: Release, transcript: Transcript
) -> None:
    def roll_back_then_promote() -> None:
        split.upgrade("canary.mode=none")
        add_canary(split)
        split.upgrade("model.version=2")
        split.upgrade("canary.mode=none")

    load = LoadPod(cluster, image, NAME, "load-promotion", "", f"--rate={RATE}")
    report = report_over(load, roll_back_then_promote)
    transcript.note("canary by pods: rollback, promotion", counts(report))
    assert report["failed"] == 0, report["errors"]
    assert {pod["metadata"]["labels"]["plimsoll.dev/track"] for pod in split.pods()} == {"stable"}
