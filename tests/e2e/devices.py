"""Devices that a node says it has, as a device plugin or a driver would say it; none is there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.e2e.cluster import a_node, eventually, exists, kubectl_json, run
from tests.e2e.node_pod import pod_on_node

DRIVER = "gpu.nvidia.com"
"""NVIDIA's, and its DeviceClass."""
RUNTIME_CLASS = "nvidia"
DRIVER_POD = "plimsoll-e2e-driver"


@contextmanager
def counted(resource: str, count: int) -> Iterator[None]:
    """Devices of a device plugin, on one node."""
    node = a_node()
    _advertise(node, resource, str(count))
    eventually("the devices", lambda: _allocatable(node).get(resource) == str(count))
    try:
        yield
    finally:
        _advertise(node, resource, None)


@contextmanager
def claimable(*products: str) -> Iterator[None]:
    """Devices of a DRA driver, on one node: a ResourceSlice with one for each product, and the driver's DeviceClass."""
    node = a_node()
    devices = [
        {"name": f"gpu-{number}", "attributes": {"productName": {"string": product}}}
        for number, product in enumerate(products)
    ]
    resources = {"apiVersion": "resource.k8s.io/v1"}
    made: list[dict[str, Any]] = [
        {
            **resources,
            "kind": "DeviceClass",
            "metadata": {"name": DRIVER},
            "spec": {"selectors": [{"cel": {"expression": f"device.driver == '{DRIVER}'"}}]},
        },
        {
            **resources,
            "kind": "ResourceSlice",
            "metadata": {"name": "plimsoll-e2e"},
            "spec": {
                "driver": DRIVER,
                "nodeName": node,
                "pool": {"name": node, "generation": 1, "resourceSliceCount": 1},
                "devices": devices,
            },
        },
    ]
    with _existing(*made):
        yield


@contextmanager
def driven(driver_image: str) -> Iterator[None]:
    """A driver on that node, with which pods that were given a claim start."""
    folders = {"plugins": "/var/lib/kubelet/plugins", "registry": "/var/lib/kubelet/plugins_registry"}
    container = {"volumeMounts": [{"name": name, "mountPath": path} for name, path in folders.items()]}
    pod = pod_on_node(
        DRIVER_POD,
        driver_image,
        a_node(),
        ["python", "/dra_driver.py", DRIVER],
        container,
        terminationGracePeriodSeconds=10,
        volumes=[{"name": name, "hostPath": {"path": path}} for name, path in folders.items()],
    )
    with _existing(pod):
        run("kubectl", "--namespace=default", "wait", f"pod/{DRIVER_POD}", "--for=condition=Ready")
        yield


@contextmanager
def runtime_class() -> Iterator[None]:
    """The RuntimeClass that the GPU operator makes, here with the usual runtime; one that is there is left alone."""
    if exists("runtimeclass", RUNTIME_CLASS):
        yield
        return
    made = {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "handler": "runc"}
    with _existing({**made, "metadata": {"name": RUNTIME_CLASS}}):
        yield


@contextmanager
def _existing(*objects: dict[str, Any]) -> Iterator[None]:
    """Objects of the whole cluster, or of a namespace that they name."""
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    run("kubectl", "create", "--filename=-", stdin=text)
    try:
        yield
    finally:
        run("kubectl", "delete", "--filename=-", "--wait", stdin=text)


def _advertise(node: str, resource: str, count: str | None) -> None:
    patch = json.dumps({"status": {"capacity": {resource: count}}})
    run("kubectl", "patch", "node", node, "--subresource=status", "--type=merge", f"--patch={patch}")


def _allocatable(node: str) -> dict[str, str]:
    found: dict[str, str] = kubectl_json("get", "node", node)["status"]["allocatable"]
    return found
