"""A Gateway of Envoy Gateway, and where it answers."""

from __future__ import annotations

from typing import Any, NamedTuple

from tests.e2e.cluster import Cluster, CommandError, eventually, kubectl_json

NAME = "e2e"
_OWNER = f"gateway.envoyproxy.io/owning-gateway-name={NAME}"


class Way(NamedTuple):
    """The namespace of the Gateway's proxy, which network policies have to name, and its address."""

    namespace: str
    address: str

    @property
    def url(self) -> str:
        return f"http://{self.address}"


def gateway_class() -> str | None:
    """The cluster's first GatewayClass; `None` where there is none."""
    try:
        classes = kubectl_json("get", "gatewayclasses")["items"]
    except CommandError:
        return None
    return str(classes[0]["metadata"]["name"]) if classes else None


def create_gateway(cluster: Cluster, class_name: str) -> Way:
    """Make a Gateway for HTTP on port 80, and wait for its proxy's Service."""
    cluster.apply(
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "Gateway",
            "metadata": {"name": NAME},
            "spec": {
                "gatewayClassName": class_name,
                "listeners": [{"name": "http", "protocol": "HTTP", "port": 80}],
            },
        }
    )
    found = eventually("the proxy's Service", _proxies)[0]
    return Way(found["metadata"]["namespace"], found["spec"]["clusterIP"])


def weights(cluster: Cluster, route: str) -> list[int]:
    """The weights of stable and, where there is one, the canary, for requests that name neither."""
    rule = cluster.get("httproute", route)["spec"]["rules"][0]
    return [backend["weight"] for backend in rule["backendRefs"]]


def _proxies() -> list[dict[str, Any]]:
    proxies: list[dict[str, Any]] = kubectl_json("get", "services", "--all-namespaces", f"--selector={_OWNER}")["items"]
    return proxies
