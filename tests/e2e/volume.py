"""A volume that is a folder of one node, and its claim."""

from __future__ import annotations

import uuid

from tests.e2e.cluster import Cluster, a_node, run
from tests.e2e.node_pod import copy_to_node


class NodeVolume:
    """Empty until models are copied to it; many pods may read it."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self._cluster = cluster
        self._name = name
        self._node = a_node()
        self._path = f"/var/tmp/plimsoll-e2e-{uuid.uuid4().hex}"  # noqa: S108  # on the node; the kubelet makes it

    def create(self) -> None:
        """Make the volume and the claim, both of the same name."""
        here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [self._node]}
        common = {"accessModes": ["ReadOnlyMany"], "storageClassName": ""}
        size = {"storage": "1Gi"}
        volume = {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": self._name},
            "spec": {
                **common,
                "capacity": size,
                "hostPath": {"path": self._path, "type": "DirectoryOrCreate"},
                "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
            },
        }
        claim = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": self._name},
            "spec": {**common, "volumeName": self._name, "resources": {"requests": size}},
        }
        self._cluster.apply(volume, claim)

    def fill(self, image: str, folder: str = "/models/digits") -> None:
        """Copy a folder of the image to it, by default the image's own model."""
        copy_to_node(image, self._node, folder, self._path)

    def remove(self) -> None:
        """Delete both; the folder stays on the node."""
        self._cluster.kubectl("delete", "persistentvolumeclaim", self._name)
        run("kubectl", "delete", "persistentvolume", self._name)
