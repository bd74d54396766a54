"""What only a node's own root may do, by a pod of the namespace `default`; no pod of the suite's namespace could."""

from __future__ import annotations

import json
from typing import Any

from tests.e2e.cluster import run

_NAME = "plimsoll-e2e-node"
_KILL = """
import os, signal, sys
from pathlib import Path
for each in Path("/proc").glob("[0-9]*"):
    try:
        in_pod = sys.argv[1] in (each / "cgroup").read_text().replace("_", "-")
        ids = next(line for line in (each / "status").read_text().splitlines() if line.startswith("NSpid")).split()[1:]
        served = b"plimsoll" in (each / "cmdline").read_bytes()
    except OSError:
        continue  # it has ended
    if in_pod and served and len(ids) > 1 and ids[-1] == "1":
        os.kill(int(each.name), signal.SIGKILL)
        print("killed", each.name)
"""


def copy_to_node(image: str, node: str, source: str, host_path: str) -> None:
    """Copy a folder of the image into a folder of a node."""
    mounted = {"volumeMounts": [{"name": "node", "mountPath": "/node"}]}
    _run(
        image,
        node,
        ["cp", "-r", source, "/node/"],
        mounted,
        volumes=[{"name": "node", "hostPath": {"path": host_path}}],
    )


def kill_server(image: str, pod: dict[str, Any]) -> None:
    """Send SIGKILL to the first process of a pod's server; from inside of the container the kernel ignores it.

    Raises:
        CommandError: it was not found.
    """
    command = ["python", "-c", _KILL, pod["metadata"]["uid"]]
    said = _run(image, pod["spec"]["nodeName"], command, {}, hostPID=True)
    assert said.count("killed") == 1, said


def pod_on_node(  # a pod has that many parts
    name: str, image: str, node: str, command: list[str], container: dict[str, Any], **spec: Any
) -> dict[str, Any]:
    """A pod of the namespace `default` that runs a command of the image as root on a node."""
    made = {
        "name": "node", "image": image, "imagePullPolicy": "IfNotPresent", "command": command,
        "securityContext": {"runAsUser": 0}, **container,
    }  # fmt: skip
    return {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "nodeName": node, "restartPolicy": "Never", "enableServiceLinks": False, "containers": [made], **spec,
        },
    }  # fmt: skip


def _run(image: str, node: str, command: list[str], container: dict[str, Any], **spec: Any) -> str:
    """The output of such a command, once it has ended."""
    pod = pod_on_node(_NAME, image, node, command, container, **spec)
    run("kubectl", "--namespace=default", "create", "--filename=-", stdin=json.dumps(pod))
    try:
        run("kubectl", "--namespace=default", "wait", f"pod/{_NAME}", "--for=jsonpath={.status.phase}=Succeeded")
        return run("kubectl", "--namespace=default", "logs", _NAME)
    finally:
        run("kubectl", "--namespace=default", "delete", "pod", _NAME, "--wait")
