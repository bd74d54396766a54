"""`canary.mode: gatewayAPI`: a route's weights split the requests, and a header or a path names a track. One story."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.client_pod import ROW, ClientPod, LoadPod
from tests.e2e.cluster import Cluster, eventually
from tests.e2e.gateway import NAME as GATEWAY
from tests.e2e.gateway import Way, weights
from tests.e2e.node_pod import kill_server
from tests.e2e.release import Release, image_values, is_ready, namespace_in, restarts, seconds_away
from tests.e2e.share import counts_by_chance
from tests.e2e.steady import IN_FLIGHT, RATE, counts, report_over
from tests.e2e.transcript import Transcript
from tests.e2e.watch import pods_stay

pytestmark = pytest.mark.e2e_full

NAME = "weighted"
PODS = 2
WEIGHTS = (5, 25, 50, 100, 0)
SHARE = 10
COMINGS = 4
Watch = Callable[[str, Callable[[], None]], dict[str, Any]]
"""Does something while the Gateway is asked, and gives what happened to the requests."""


@pytest.fixture(scope="module")
def weighted(cluster: Cluster, image: str, way: Way, client: ClientPod) -> Iterator[Release]:
    release = Release(
        cluster, image, NAME, "model.version=1", f"httpRoute.parentRefs[0].name={GATEWAY}",
        namespace_in("networkPolicy.clients", way.namespace),
        typed=("httpRoute.enabled=true", "auth.allowAnonymous=true", f"replicas={PODS}"),
    )  # fmt: skip
    release.install()
    eventually("an answer", lambda: client.request(f"{way.url}/v1/predict", ROW)["status"] == 200)
    yield release
    release.uninstall()


@pytest.fixture
def through_the_gateway(cluster: Cluster, image: str, way: Way, transcript: Transcript) -> Watch:
    def watch(what: str, operate: Callable[[], None]) -> dict[str, Any]:
        name = "load-" + what.replace(" ", "-").replace(",", "")
        load = LoadPod(cluster, image, way.address, name, "", "--port=80", f"--rate={RATE}")
        report = report_over(load, operate)
        transcript.note(f"canary by Gateway: {what}", f"{counts(report)}; versions {report['versions']}")
        return report

    return watch


def test_a_canary_without_weight_comes_and_goes_and_nobody_gets_it(
    weighted: Release, through_the_gateway: Watch
) -> None:
    def come_and_go() -> None:
        for _ in range(COMINGS):
            weighted.upgrade("canary.mode=none")
            _add_canary(weighted, "2")

    report = through_the_gateway(f"coming and going {COMINGS} times", come_and_go)
    assert report["failed"] == 0, report["errors"]
    assert set(report["versions"]) == {"1"}


@pytest.mark.usefixtures("weighted")
def test_who_names_a_track_or_a_version_gets_it(client: ClientPod, way: Way, transcript: Transcript) -> None:
    def version_of(path: str, **headers: str) -> str:
        return str(client.request(way.url + path, ROW, **headers)["headers"]["x-plimsoll-version"])

    by_header = {
        pin: version_of("/v1/predict", **{"x-plimsoll-version": pin}) for pin in ("canary", "2", "stable", "1")
    }
    assert by_header == {"canary": "2", "2": "2", "stable": "1", "1": "1"}
    by_path = [version_of(f"/v1/models/digits/versions/{version}/predict") for version in ("1", "2")]
    assert by_path == ["1", "2"]
    transcript.note("canary by Gateway: pins", ", ".join(f"{pin} to {version}" for pin, version in by_header.items()))


def test_it_gets_its_weight_of_the_rest(weighted: Release, through_the_gateway: Watch, transcript: Transcript) -> None:
    weighted.upgrade(typed=(f"canary.weight={SHARE}",))
    report = through_the_gateway(f"weight {SHARE}", lambda: None)
    assert report["failed"] == 0, report["errors"]
    within = counts_by_chance(report["ok"], SHARE / 100)
    assert report["versions"]["2"] in within, str(report)
    transcript.note(f"canary by Gateway: weight {SHARE}, by chance", f"{within.start} to {within.stop - 1}")


def test_its_weight_changes_and_no_request_fails(weighted: Release, through_the_gateway: Watch) -> None:
    def change() -> None:
        for weight in WEIGHTS:
            weighted.upgrade(typed=(f"canary.weight={weight}",))

    report = through_the_gateway(f"weights {', '.join(map(str, WEIGHTS))}", change)
    assert report["failed"] == 0, report["errors"]
    assert set(report["versions"]) == {"1", "2"}


@pytest.mark.parametrize("server_side", ["true", "false"])
def test_what_else_changes_leaves_the_split_alone(
    cluster: Cluster, weighted: Release, image: str, without_gpu: str, transcript: Transcript, server_side: str
) -> None:
    options = ("--reuse-values", f"--server-side={server_side}")
    weighted.upgrade("model.version=1", typed=("canary.weight=25",), options=options)
    for change, values in {
        "resources": (f"resources.requests.cpu={110 if server_side == 'true' else 120}m",),
        "image": image_values(without_gpu),
        "model": ("model.version=2",),
    }.items():
        with pods_stay(cluster, {f"{NAME}-stable": PODS}, change):
            weighted.upgrade(*values, options=options)
        assert weights(cluster, NAME) == [75, 25], change
    transcript.note(f"canary by Gateway: upgrades, --server-side={server_side}", f"weights 75 and 25; {PODS} ready")
    weighted.upgrade("model.version=1", *image_values(image), typed=("canary.weight=0",), options=options)


def test_a_killed_canary_costs_its_share_until_it_is_back(
    cluster: Cluster, image: str, weighted: Release, through_the_gateway: Watch
) -> None:
    weighted.upgrade(typed=("canary.weight=50",))
    of_it = f"app.kubernetes.io/instance={NAME},plimsoll.dev/track=canary"
    eventually("the end of those of before", lambda: len(cluster.select("pods", of_it)) == 1)
    (canary,) = cluster.select("pods", of_it)
    name = canary["metadata"]["name"]

    def kill() -> None:
        kill_server(image, canary)
        eventually("the canary", lambda: _is_back(cluster.get("pod", name)))

    report = through_the_gateway("killing it", kill)
    away_seconds = seconds_away(cluster.get("pod", name))
    assert set(report["by_status"]) <= {"200", "503"}, str(report)
    assert report["failed"] <= IN_FLIGHT + RATE / 2 * (away_seconds + 1), str(report)
    weighted.upgrade(typed=("canary.weight=0",))


def test_promotion_fails_no_request(cluster: Cluster, weighted: Release, through_the_gateway: Watch) -> None:
    def promote() -> None:
        weighted.upgrade(typed=("canary.weight=100",))
        weighted.upgrade("model.version=2")
        weighted.upgrade(typed=("canary.weight=0",))
        weighted.upgrade("canary.mode=none")

    report = through_the_gateway("promotion", promote)
    assert report["failed"] == 0, report["errors"]
    assert weights(cluster, NAME) == [1]
    assert {pod["metadata"]["labels"]["plimsoll.dev/track"] for pod in weighted.pods()} == {"stable"}


def test_promotion_of_an_image_fails_no_request(
    cluster: Cluster, weighted: Release, without_gpu: str, through_the_gateway: Watch
) -> None:
    repository, tag = image_values(without_gpu)
    ours = _stable_image(cluster)

    def promote() -> None:
        weighted.upgrade("canary.mode=gatewayAPI", f"canary.{repository}", f"canary.{tag}", "canary.model.version=")
        weighted.upgrade(typed=("canary.weight=100",))
        weighted.upgrade(repository, tag)
        weighted.upgrade(typed=("canary.weight=0",))
        weighted.upgrade("canary.mode=none", "canary.image.repository=", "canary.image.tag=")

    report = through_the_gateway("promotion of an image", promote)
    assert report["failed"] == 0, report["errors"]
    theirs = _stable_image(cluster)
    assert ours != theirs == without_gpu


def test_rollback_fails_no_request(weighted: Release, through_the_gateway: Watch) -> None:
    _add_canary(weighted, "1")
    weighted.upgrade(typed=("canary.weight=50",))

    def roll_back() -> None:
        weighted.upgrade(typed=("canary.weight=0",))
        weighted.upgrade("canary.mode=none")

    report = through_the_gateway("rollback", roll_back)
    assert report["failed"] == 0, report["errors"]
    assert set(report["versions"]) == {"1", "2"}


def _add_canary(release: Release, version: str) -> None:
    release.upgrade("canary.mode=gatewayAPI", f"canary.model.version={version}", typed=("canary.weight=0",))


def _stable_image(cluster: Cluster) -> str:
    (container,) = cluster.get("deployment", f"{NAME}-stable")["spec"]["template"]["spec"]["containers"]
    return str(container["image"])


def _is_back(pod: dict[str, Any]) -> bool:
    return restarts(pod) > 0 and is_ready(pod)
