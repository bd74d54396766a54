"""A pod of our own image that asks the Service from inside the cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.e2e.cluster import Cluster, eventually
from tests.e2e.release import is_ready, parsed

SCRIPTS = "e2e-scripts"
SERVICE = "plimsoll"
KEY_FILE = "/tmp/key"  # noqa: S108  # the pod's own
ROW = "/examples/digits/7.json"
"""A body in the image, of a seven."""
_RESTRICTED = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
_BARE = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}


def pod_of(name: str, image: str, command: list[str] | None, **spec: Any) -> dict[str, Any]:
    """A pod of the image within the standard `restricted`, with the scripts in /scripts and a /tmp."""
    container: dict[str, Any] = {
        "name": "client",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "securityContext": _BARE,
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}},
        "volumeMounts": [{"name": "scripts", "mountPath": "/scripts"}, {"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108
    }
    if command:
        container["command"] = command
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/part-of": "plimsoll-e2e"}},
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            "securityContext": _RESTRICTED,
            "containers": [container],
            "volumes": [{"name": "scripts", "configMap": {"name": SCRIPTS}}, {"name": "tmp", "emptyDir": {}}],
            "enableServiceLinks": False,
            **spec,
        },
    }


def scripts() -> dict[str, Any]:
    """The scripts that run in pods, as a ConfigMap."""
    names = ("load.py", "grpc_load.py", "request.py", "hostile.py", "greedy.py", "streams.py", "until_answer.py")
    files = {name: (Path(__file__).parent / name).read_text(encoding="utf-8") for name in names}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": SCRIPTS}, "data": files}


class ClientPod:
    """A pod that waits for commands."""

    def __init__(self, cluster: Cluster, image: str) -> None:
        self._cluster = cluster
        self._image = image
        self._name = "client"

    def start(self) -> None:
        """Create the pod and wait for it."""
        self._cluster.apply(scripts(), pod_of(self._name, self._image, ["sleep", "21600"]))
        eventually("the client pod", lambda: is_ready(self._cluster.get("pod", self._name)))

    @property
    def address(self) -> str:
        """The pod's own address."""
        return str(self._cluster.get("pod", self._name)["status"]["podIP"])

    def execute(self, *command: str) -> str:
        """The output of a command in the pod."""
        return self._cluster.execute(self._name, *command)

    def classify(self, picture: str) -> dict[str, Any]:
        """What `plimsoll predict` prints for a picture in the image."""
        url = f"http://{SERVICE}:8000"
        return parsed(self.execute("plimsoll", "predict", "--url", url, "--image", picture))

    def put(self, path: str, text: str) -> None:
        """Write a file in the pod; only /tmp can be written to."""
        self._cluster.kubectl("exec", "--stdin", self._name, "--", "sh", "-c", f"cat >{path}", stdin=text)

    def request(self, url: str, body_file: str = "", **headers: str) -> dict[str, Any]:
        """Status, headers and body of one request."""
        extra = [body_file, *(f"{name}={value}" for name, value in headers.items())]
        return parsed(self.execute("python", "/scripts/request.py", url, *extra))

    def first_answer(self, url: str, body_file: str = "") -> dict[str, Any]:
        """The first answer, whatever it is: a node may know a new Service a second later than its pod is ready."""

        def answered() -> dict[str, Any] | None:
            answer = self.request(url, body_file)
            return answer if answer["status"] else None

        return eventually(f"an answer of {url}", answered, timeout_seconds=30)


class LoadPod:
    """A pod that asks at a constant rate until it is told to stop.

    `service` is a name or an address; `node` is where the pod runs, if that matters; `options` are those of the script.
    """

    def __init__(
        self,
        cluster: Cluster,
        image: str,
        service: str = SERVICE,
        name: str = "load",
        node: str = "",
        *options: str,
        script: str = "load.py",
    ) -> None:
        self._options = options
        self._script = script
        self._where = {"nodeName": node} if node else {}
        self._cluster = cluster
        self._image = image
        self._service = service
        self._name = name

    def start(self) -> None:
        """Begin to send."""
        command = ["python", f"/scripts/{self._script}", "--host", self._service, "--body", ROW]
        command += ["--expect", "7", *self._options]
        self._cluster.apply(pod_of(self._name, self._image, command, **self._where))
        eventually("the load pod", lambda: is_ready(self._cluster.get("pod", self._name)))

    def show(self, key: str) -> None:
        """Have requests carry this API key from now on, where the options have `--key-file=KEY_FILE`."""
        replace = f"cat >{KEY_FILE}.new && mv {KEY_FILE}.new {KEY_FILE}"
        self._cluster.kubectl("exec", "--stdin", self._name, "--", "sh", "-c", replace, stdin=key)

    def stop(self) -> dict[str, Any]:
        """End the load; what happened to the requests."""
        self._cluster.execute(self._name, "sh", "-c", "kill -TERM 1")
        eventually(
            "the end of the load pod", lambda: self._cluster.get("pod", self._name)["status"]["phase"] == "Succeeded"
        )
        return parsed(self._cluster.kubectl("logs", self._name))

    def remove(self) -> None:
        """Delete the pod."""
        self._cluster.kubectl("delete", "pod", self._name)
