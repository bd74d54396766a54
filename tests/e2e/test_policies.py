"""Who reaches the pods and whom they reach under the chart's network policy; needs a network that enforces it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.e2e.client_pod import ROW, ClientPod
from tests.e2e.cluster import Cluster, eventually, kubectl_json
from tests.e2e.release import Release, namespace_in
from tests.e2e.transcript import Transcript

pytestmark = pytest.mark.e2e

NAMED, STRANGE = "plimsoll-e2e-named", "plimsoll-e2e-strange"
_CONNECT = """
import json, socket, sys
def reached(host, port):
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except ConnectionRefusedError:
        return True  # somebody was there to refuse
    except OSError:
        return False
    return True
found = {target: reached(*target.rsplit(":", 1)) for target in sys.argv[1:]}
try:
    found["DNS"] = bool(socket.getaddrinfo("kubernetes.default.svc.cluster.local", 443))
except OSError:
    found["DNS"] = False
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def guarded(cluster: Cluster, image: str, client: ClientPod) -> Iterator[Release]:  # noqa: ARG001  # brings scripts
    """A release that names one namespace of clients, and Prometheus in another."""
    release = Release(
        cluster, image, "guarded",
        namespace_in("networkPolicy.clients", NAMED), namespace_in("networkPolicy.prometheus", NAMED),
        f"tracing.endpoint=http://collector.{NAMED}:4318",
    )  # fmt: skip
    release.install()
    yield release
    release.uninstall()


@pytest.fixture(scope="module")
def elsewhere(image: str) -> Iterator[dict[str, ClientPod]]:
    """A pod in a namespace that is named, and one in a namespace that is not."""
    clusters = {name: Cluster(name) for name in (NAMED, STRANGE)}
    pods = {}
    for name, there in clusters.items():
        there.create()
        pods[name] = ClientPod(there, image)
        pods[name].start()
    yield pods
    for there in clusters.values():
        there.remove()


def test_only_those_who_are_named_get_in(
    guarded: Release, client: ClientPod, elsewhere: dict[str, ClientPod], transcript: Transcript
) -> None:
    api = "http://guarded.plimsoll-e2e:8000/v1/predict"
    metrics = f"http://{guarded.the_pod()['status']['podIP']}:8001/metrics"
    for asked in (client, elsewhere[NAMED]):
        assert (asked.request(api, ROW)["status"], asked.request(metrics)["status"]) == (200, 200)
    stranger = elsewhere[STRANGE]
    assert (stranger.request(api, ROW)["status"], stranger.request(metrics)["status"]) == (0, 0)
    # What keeps it out is the policy, and not that it finds nobody.
    guarded.upgrade(typed=("networkPolicy.enabled=false",))
    eventually("an open door", lambda: stranger.request(api, ROW)["status"] == 200)
    guarded.upgrade(typed=("networkPolicy.enabled=true",))
    eventually("a closed one", lambda: stranger.request(api, ROW)["status"] == 0)
    transcript.note("network policy, inwards", "own and named namespace: API and metrics; another one: neither")


def test_the_admin_port_is_closed_to_everyone(
    guarded: Release, client: ClientPod, elsewhere: dict[str, ClientPod]
) -> None:
    admin = f"http://{guarded.the_pod()['status']['podIP']}:8002/v1/models"
    assert {asked.request(admin)["status"] for asked in (client, *elsewhere.values())} == {0}


def test_the_pods_reach_only_what_they_need(
    cluster: Cluster, guarded: Release, client: ClientPod, elsewhere: dict[str, ClientPod], transcript: Transcript
) -> None:
    named, strange = elsewhere[NAMED].address, elsewhere[STRANGE].address
    apiserver = kubectl_json("--namespace=default", "get", "service", "kubernetes")["spec"]["clusterIP"]
    targets = {
        f"{client.address}:9": True,  # the own namespace, whatever the port
        f"{named}:4318": True,  # where traces go
        f"{named}:9": False,  # there, and on another port
        f"{strange}:4318": False,
        f"{apiserver}:443": False,
    }
    name = guarded.the_pod()["metadata"]["name"]
    found = json.loads(cluster.execute(name, "python", "-c", _CONNECT, *targets))
    assert found == {**targets, "DNS": True}
    transcript.note("network policy, outwards", "DNS, own namespace, the collector's port; nothing else of five tried")
