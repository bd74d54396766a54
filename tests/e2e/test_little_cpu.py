"""A pod with little CPU and greedy clients is slow, and stays alive."""

from __future__ import annotations

import pytest

from tests.e2e.client_pod import ROW, ClientPod
from tests.e2e.cluster import Cluster
from tests.e2e.release import Release, is_ready, parsed, restarts
from tests.e2e.transcript import Transcript

pytestmark = pytest.mark.e2e_full

_CLIENTS = 64
_SECONDS = 120


def test_a_pod_of_300m_with_64_greedy_clients_passes_every_probe(
    cluster: Cluster, image: str, client: ClientPod, transcript: Transcript
) -> None:
    release = Release(cluster, image, "little", "resources.requests.cpu=100m", "resources.limits.cpu=300m")
    release.install()
    name = release.the_pod()["metadata"]["name"]
    client.first_answer("http://little:8000/livez")
    greedy = ("python", "/scripts/greedy.py", "--host=little", f"--clients={_CLIENTS}", f"--seconds={_SECONDS}")
    report = parsed(client.execute(*greedy, f"--body={ROW}"))
    pod = release.the_pod()
    assert (restarts(pod), is_ready(pod)) == (0, True)
    assert [event for event in cluster.events(name, "Unhealthy") if not event.startswith("Startup probe")] == []
    assert set(report["by_status"]) == {"200"}
    transcript.note(
        f"300m of CPU, {_CLIENTS} greedy clients",
        f"{report['by_status']['200'] / _SECONDS:.0f} requests/s; no probe failed, no restart; "
        f"/livez after {report['slowest_probe_seconds']} s at most, of {report['probes']}",
    )
    release.uninstall()
