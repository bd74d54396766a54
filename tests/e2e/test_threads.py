"""What a pod may use of the CPU is what torch takes, however many cores the node has."""

from __future__ import annotations

import json

import pytest

from tests.e2e.client_pod import ROW, ClientPod
from tests.e2e.cluster import Cluster
from tests.e2e.release import Release
from tests.e2e.transcript import Transcript

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("cpus", [1, 2])
def test_torch_takes_as_many_threads_as_the_pod_has_cpus(
    cluster: Cluster, image: str, client: ClientPod, transcript: Transcript, cpus: int
) -> None:
    values = ("resources.requests.cpu=100m", f"resources.limits.cpu={cpus}")
    release = Release(cluster, image, "threads", *values)
    release.install()
    name = release.the_pod()["metadata"]["name"]
    said = [json.loads(line) for line in cluster.kubectl("logs", name).splitlines() if line.startswith("{")]
    assert [line["threads"] for line in said if "threads" in line] == [cpus]
    assert client.first_answer("http://threads:8000/v1/predict", ROW)["status"] == 200
    status = cluster.kubectl("exec", name, "--", "cat", "/proc/1/status")
    (threads,) = (int(line.split()[1]) for line in status.splitlines() if line.startswith("Threads:"))
    transcript.note(f"threads of a pod with {cpus} CPU", f"{cpus} of torch for a forward pass, {threads} in all")
    release.uninstall()
