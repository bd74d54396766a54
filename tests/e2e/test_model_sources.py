"""Models that lie in a ConfigMap or on a volume, and what a pod says of one that is not right."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.client_pod import ROW, ClientPod
from tests.e2e.cluster import Cluster, eventually
from tests.e2e.release import Release, is_ready
from tests.e2e.transcript import Transcript
from tests.e2e.volume import NodeVolume

pytestmark = pytest.mark.e2e_full

BUNDLE = Path(__file__).parents[2] / "models" / "digits" / "2"
VOLUME = "plimsoll-e2e-models"


@pytest.fixture
def volume(cluster: Cluster) -> Iterator[NodeVolume]:
    made = NodeVolume(cluster, VOLUME)
    made.create()
    yield made
    made.remove()


def test_a_model_in_a_config_map_serves(
    cluster: Cluster, image: str, client: ClientPod, transcript: Transcript
) -> None:
    cluster.kubectl("create", "configmap", "digits-2", f"--from-file={BUNDLE}")
    release = _release(cluster, image, "mapped", "model.source=configMap", "model.configMap.name=digits-2")
    release.install()
    assert client.first_answer("http://mapped:8000/v1/predict", ROW)["headers"]["x-plimsoll-version"] == "2"
    transcript.note("a model in a ConfigMap", "serves")
    release.uninstall()
    cluster.kubectl("delete", "configmap", "digits-2")


def test_a_model_that_somebody_changed_does_not(
    cluster: Cluster, image: str, tmp_path: Path, transcript: Transcript
) -> None:
    for file in BUNDLE.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x7f")
    cluster.kubectl("create", "configmap", "changed", f"--from-file={tmp_path}")
    release = _release(cluster, image, "changed", "model.source=configMap", "model.configMap.name=changed")
    release.install(wait=False)
    said = eventually("a line about the digest", lambda: _line(cluster, release, "digest"))
    transcript.note("a model that somebody changed", said)
    assert not is_ready(release.the_pod())
    release.uninstall()
    cluster.kubectl("delete", "configmap", "changed")


def test_a_volume_serves_once_a_model_is_on_it(
    cluster: Cluster, image: str, client: ClientPod, volume: NodeVolume, transcript: Transcript
) -> None:
    release = _release(cluster, image, "volume", "model.source=pvc", f"model.pvc.claimName={VOLUME}")
    release.install(wait=False)
    said = eventually("a line about the model", lambda: _line(cluster, release, "no bundle"))
    transcript.note("an empty volume", said)
    volume.fill(image)
    cluster.kubectl("delete", "pod", release.the_pod()["metadata"]["name"])
    eventually("the pod", lambda: is_ready(release.the_pod()))
    assert client.first_answer("http://volume:8000/v1/predict", ROW)["headers"]["x-plimsoll-version"] == "2"
    transcript.note("a model on a volume", "serves")
    release.uninstall()


def _release(cluster: Cluster, image: str, name: str, *values: str) -> Release:
    return Release(cluster, image, name, "model.version=2", *values)


def _line(cluster: Cluster, release: Release, word: str) -> str | None:
    pods = release.pods()
    found = cluster.log_line(pods[0]["metadata"]["name"], word) if pods else None
    return str(json.loads(found)["message"]) if found else None
