"""Through a real Gateway from another namespace: what clients call is there for who has a key, and nothing else."""

from __future__ import annotations

import pytest

from tests.e2e.client_pod import ROW, ClientPod
from tests.e2e.cluster import Cluster, eventually
from tests.e2e.gateway import NAME as GATEWAY
from tests.e2e.gateway import Way
from tests.e2e.release import Release, namespace_in
from tests.e2e.transcript import Transcript

pytestmark = pytest.mark.e2e_full

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


def test_only_what_clients_call_is_routed(
    cluster: Cluster, image: str, client: ClientPod, way: Way, transcript: Transcript
) -> None:
    key = cluster.apply_keys("way-keys")
    release = Release(
        cluster, image, "way", "auth.existingSecret=way-keys", f"httpRoute.parentRefs[0].name={GATEWAY}",
        namespace_in("networkPolicy.clients", way.namespace), typed=("httpRoute.enabled=true",),
    )  # fmt: skip
    release.install()
    with_key = {"Authorization": f"Bearer {key}"}
    eventually("an answer", lambda: client.request(f"{way.url}/v1/predict", ROW, **with_key)["status"] == 200)
    assert client.request(f"{way.url}/v1/predict", ROW)["status"] == 401
    assert client.request(f"{way.url}/v1/health", **with_key)["status"] == 200
    assert client.request(f"{way.url}/v1/models/digits/predict", ROW, **with_key)["status"] == 200
    assert {path: client.request(way.url + path, **with_key)["status"] for path in HIDDEN} == dict.fromkeys(HIDDEN, 404)
    transcript.note("through a Gateway", f"what clients call, with a key; 404 for {', '.join(HIDDEN)}")
    release.uninstall()
    cluster.kubectl("delete", "secret", "way-keys")
