"""Models that lie in a ConfigMap or on a volume, and what a pod says of one that is not right."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.client_pod import ClientPod
from tests.e2e.cluster import Cluster, eventually, kubectl_json, run
from tests.e2e.release import Release, is_ready
from tests.e2e.transcript import Transcript

pytestmark = pytest.mark.e2e_full

BUNDLE = Path(__file__).parents[2] / "models" / "digits" / "2"
ROW = "/examples/digits/7.json"
VOLUME = "plimsoll-e2e-models"


@pytest.fixture
def volume(cluster: Cluster) -> Iterator[str]:
    """An empty folder of one node, claimed in the namespace; its path on that node."""
    node = kubectl_json("get", "nodes")["items"][-1]["metadata"]["name"]
    host_path = f"/var/tmp/{VOLUME}-{uuid.uuid4().hex}"  # noqa: S108  # on the node, where the kubelet makes it
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
    common = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadOnlyMany"], "storageClassName": ""}
    made = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": VOLUME},
        "spec": {
            **common,
            "hostPath": {"path": host_path, "type": "DirectoryOrCreate"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
        },
    }
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": VOLUME},
        "spec": {
            "accessModes": common["accessModes"],
            "storageClassName": "",
            "volumeName": VOLUME,
            "resources": {"requests": common["capacity"]},
        },
    }
    cluster.apply(made, claim)
    yield host_path
    cluster.kubectl("delete", "persistentvolumeclaim", VOLUME)
    run("kubectl", "delete", "persistentvolume", VOLUME)


def test_a_model_in_a_config_map_serves(
    cluster: Cluster, image: str, client: ClientPod, transcript: Transcript
) -> None:
    cluster.kubectl("create", "configmap", "digits-2", f"--from-file={BUNDLE}")
    release = _release(cluster, image, "mapped", "model.source=configMap", "model.configMap.name=digits-2")
    release.install()
    assert client.request("http://mapped:8000/v1/predict", ROW)["headers"]["x-plimsoll-version"] == "2"
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
    cluster: Cluster, image: str, client: ClientPod, volume: str, transcript: Transcript
) -> None:
    release = _release(cluster, image, "volume", "model.source=pvc", f"model.pvc.claimName={VOLUME}")
    release.install(wait=False)
    said = eventually("a line about the model", lambda: _line(cluster, release, "no bundle"))
    transcript.note("an empty volume", said)
    _copy_to_node(image, release.the_pod()["spec"]["nodeName"], volume)
    cluster.kubectl("delete", "pod", release.the_pod()["metadata"]["name"])
    eventually("the pod", lambda: is_ready(release.the_pod()))
    assert client.request("http://volume:8000/v1/predict", ROW)["headers"]["x-plimsoll-version"] == "2"
    transcript.note("a model on a volume", "serves")
    release.uninstall()


def _release(cluster: Cluster, image: str, name: str, *values: str) -> Release:
    return Release(cluster, image, name, "model.version=2", *values)


def _line(cluster: Cluster, release: Release, word: str) -> str | None:
    pods = release.pods()
    found = cluster.log_line(pods[0]["metadata"]["name"], word) if pods else None
    return str(json.loads(found)["message"]) if found else None


def _copy_to_node(image: str, node: str, host_path: str) -> None:
    """Copy the image's own bundle into a folder of a node; a pod of the default namespace may do that."""
    name = "plimsoll-e2e-copy"
    container = {
        "name": "copy", "image": image, "imagePullPolicy": "IfNotPresent",
        "command": ["cp", "-r", "/models/digits", "/node/"],
        "securityContext": {"runAsUser": 0},
        "volumeMounts": [{"name": "node", "mountPath": "/node"}],
    }  # fmt: skip
    pod = {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {
            "nodeName": node, "restartPolicy": "Never", "enableServiceLinks": False, "containers": [container],
            "volumes": [{"name": "node", "hostPath": {"path": host_path}}],
        },
    }  # fmt: skip
    run("kubectl", "--namespace=default", "create", "--filename=-", stdin=json.dumps(pod))
    run("kubectl", "--namespace=default", "wait", f"pod/{name}", "--for=jsonpath={.status.phase}=Succeeded")
    run("kubectl", "--namespace=default", "delete", "pod", name)
