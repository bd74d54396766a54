"""gRPC and /v2 on the cluster, through a Gateway and directly: no call fails in an upgrade. One story."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.client_pod import ClientPod, LoadPod
from tests.e2e.cluster import Cluster, eventually
from tests.e2e.gateway import NAME as GATEWAY
from tests.e2e.gateway import Way, gateway_class
from tests.e2e.release import Release, is_ready, namespace_in
from tests.e2e.steady import FEWEST, counts
from tests.e2e.transcript import Transcript

pytestmark = pytest.mark.e2e_full

NAME = "remote"
PODS = 2
RATE = 40
"""Requests per second of each load; four run at once."""
GRPC_LISTENER = 8080


@pytest.fixture(scope="module")
def two_listeners(cluster: Cluster, way: Way) -> Way:
    """The Gateway with a listener for gRPC too, because one listener takes one kind of route for a host name."""
    listeners = [
        {"name": name, "protocol": "HTTP", "port": port} for name, port in (("http", 80), ("grpc", GRPC_LISTENER))
    ]
    cluster.apply(
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "Gateway",
            "metadata": {"name": GATEWAY},
            "spec": {"gatewayClassName": gateway_class(), "listeners": listeners},
        }
    )
    return way


@pytest.fixture(scope="module")
def remote(cluster: Cluster, grpc_image: str, two_listeners: Way, client: ClientPod) -> Iterator[Release]:
    release = Release(
        cluster, grpc_image, NAME, "model.version=1",
        f"httpRoute.parentRefs[0].name={GATEWAY}", "httpRoute.parentRefs[0].sectionName=http",
        f"grpc.route.parentRefs[0].name={GATEWAY}", "grpc.route.parentRefs[0].sectionName=grpc",
        namespace_in("networkPolicy.clients", two_listeners.namespace),
        typed=(
            "grpc.enabled=true", "grpc.route.enabled=true", "httpRoute.enabled=true", "auth.allowAnonymous=true",
            f"replicas={PODS}",
        ),
    )  # fmt: skip
    release.install()
    eventually("the HTTPRoute", lambda: client.request(f"{two_listeners.url}/v2/health/ready")["status"] == 200)
    eventually("the GRPCRoute", lambda: _is_accepted(cluster))
    yield release
    release.uninstall()


@pytest.fixture(scope="module")
def report_over(
    cluster: Cluster, remote: Release, grpc_image: str, two_listeners: Way, transcript: Transcript
) -> Callable[[str, Callable[[], None]], dict[str, dict[str, Any]]]:
    """Does something while four loads are sent, and gives what happened to the requests of each."""

    def report(what: str, operate: Callable[[], None]) -> dict[str, dict[str, Any]]:
        gateway = two_listeners.address
        rate, infer, grpc = f"--rate={RATE}", "--infer=digits", "grpc_load.py"
        loads = {
            "gRPC by the Gateway": LoadPod(
                cluster, grpc_image, gateway, "grpc-gateway", "", rate, f"--port={GRPC_LISTENER}", script=grpc
            ),
            "gRPC by the Service": LoadPod(cluster, grpc_image, NAME, "grpc-service", "", rate, script=grpc),
            "/v2 by the Gateway": LoadPod(cluster, grpc_image, gateway, "v2-gateway", "", rate, infer, "--port=80"),
            "/v2 by the Service": LoadPod(cluster, grpc_image, NAME, "v2-service", "", rate, infer),
        }
        for load in loads.values():
            load.start()
        started = time.monotonic()
        time.sleep(2)
        operate()
        eventually("all pods ready again, and the old ones gone", lambda: _all_ready(remote), timeout_seconds=240)
        time.sleep(max(2.0, started + 1.1 * FEWEST / RATE - time.monotonic()))
        reports = {name: load.stop() for name, load in loads.items()}
        for name, found in reports.items():
            loads[name].remove()
            transcript.note(f"{what}: {name}", f"{counts(found)}; versions {found['versions']}")
        return reports

    return report


def test_no_call_and_no_request_fails_in_an_upgrade(
    remote: Release, report_over: Callable[[str, Callable[[], None]], dict[str, dict[str, Any]]]
) -> None:
    reports = report_over("rolling upgrade", lambda: remote.upgrade("model.version=2"))
    for name, report in reports.items():
        assert report["failed"] == 0, f"{name}: {report}"
        assert report["sent"] >= FEWEST, name
        assert set(report["versions"]) >= {"2"}, name


def test_a_canary_gets_its_weight_of_grpc_too(
    remote: Release, report_over: Callable[[str, Callable[[], None]], dict[str, dict[str, Any]]]
) -> None:
    def add_canary() -> None:
        remote.upgrade("canary.mode=gatewayAPI", "canary.model.version=1", typed=("canary.weight=0",))
        remote.upgrade(typed=("canary.weight=50",))

    report = report_over("canary of half the calls", add_canary)["gRPC by the Gateway"]
    assert report["failed"] == 0, str(report)
    assert set(report["versions"]) == {"1", "2"}


def _is_accepted(cluster: Cluster) -> bool:
    parents = cluster.get("grpcroute", NAME).get("status", {}).get("parents", [])
    conditions = [condition for parent in parents for condition in parent["conditions"]]
    return any(each["type"] == "Accepted" and each["status"] == "True" for each in conditions)


def _all_ready(release: Release) -> bool:
    pods = release.all_pods()
    return len(pods) >= PODS and all("deletionTimestamp" not in pod["metadata"] and is_ready(pod) for pod in pods)
