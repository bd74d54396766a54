"""Through a real Gateway from another namespace: what clients call is there for who has a key, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.client_pod import ClientPod
from tests.e2e.cluster import Cluster, CommandError, eventually, kubectl_json
from tests.e2e.release import Release, namespace_in
from tests.e2e.transcript import Transcript

pytestmark = pytest.mark.e2e_full

ROW = "/examples/digits/7.json"
HIDDEN = (
    "/metrics",
    "/docs",
    "/openapi.json",
    "/readyz",
    "/livez",
    "/startupz",
    "/v1/health/detailed",
    "/v1/predict/x",
)
_OWNER = "gateway.envoyproxy.io/owning-gateway-name=e2e"


@pytest.fixture
def gateway(cluster: Cluster) -> Iterator[tuple[str, str]]:
    """A Gateway of Envoy Gateway: the namespace of its proxy, and where that answers."""
    try:
        classes = kubectl_json("get", "gatewayclasses")["items"]
    except CommandError:
        classes = []
    if not classes:
        pytest.skip("needs Envoy Gateway and a GatewayClass of it; tests/e2e/README.md says how")
    cluster.apply(
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "Gateway",
            "metadata": {"name": "e2e"},
            "spec": {
                "gatewayClassName": classes[0]["metadata"]["name"],
                "listeners": [{"name": "http", "protocol": "HTTP", "port": 80}],
            },
        }
    )
    found = eventually("the proxy's Service", _proxies)[0]
    yield found["metadata"]["namespace"], f"http://{found['spec']['clusterIP']}"
    cluster.kubectl("delete", "gateway", "e2e")


def test_only_what_clients_call_is_routed(
    cluster: Cluster, image: str, client: ClientPod, gateway: tuple[str, str], transcript: Transcript
) -> None:
    namespace, url = gateway
    key = cluster.apply_keys("way-keys")
    release = Release(
        cluster, image, "way", "auth.existingSecret=way-keys", "httpRoute.parentRefs[0].name=e2e",
        namespace_in("networkPolicy.clients", namespace), typed=("httpRoute.enabled=true",),
    )  # fmt: skip
    release.install()
    with_key = {"Authorization": f"Bearer {key}"}
    eventually("an answer", lambda: client.request(f"{url}/v1/predict", ROW, **with_key)["status"] == 200)
    assert client.request(f"{url}/v1/predict", ROW)["status"] == 401
    assert client.request(f"{url}/v1/health", **with_key)["status"] == 200
    assert client.request(f"{url}/v1/models/digits/predict", ROW, **with_key)["status"] == 200
    assert {path: client.request(url + path, **with_key)["status"] for path in HIDDEN} == dict.fromkeys(HIDDEN, 404)
    transcript.note("through a Gateway", f"what clients call, with a key; 404 for {', '.join(HIDDEN)}")
    release.uninstall()
    cluster.kubectl("delete", "secret", "way-keys")


def _proxies() -> list[dict[str, dict[str, str]]]:
    proxies: list[dict[str, dict[str, str]]] = kubectl_json(
        "get", "services", "--all-namespaces", f"--selector={_OWNER}"
    )["items"]
    return proxies
