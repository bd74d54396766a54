"""The cluster of KUBECONFIG, through kubectl, and one namespace in it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from typing import Any, TypeVar

from plimsoll.access.keys import new_key

T = TypeVar("T")


class CommandError(AssertionError):
    """A program ended with an error; the message holds what it said."""


def run(*command: str, stdin: str | None = None, timeout_seconds: float = 300) -> str:
    """The output of a program that must succeed."""
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout_seconds, check=False)
    if done.returncode:
        raise CommandError(f"{' '.join(command)}\nended with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def eventually(what: str, probe: Callable[[], T | None], timeout_seconds: float = 120) -> T:
    """What `probe` gives once it gives something; it may fail with a `CommandError` until then."""
    deadline = time.monotonic() + timeout_seconds
    last = "nothing"
    while time.monotonic() < deadline:
        try:
            found = probe()
        except CommandError as error:
            found, last = None, str(error)
        if found:
            return found
        time.sleep(0.5)
    raise AssertionError(f"{what}: not within {timeout_seconds:.0f} s; last: {last}")


def kubectl_json(*arguments: str) -> dict[str, Any]:
    """What kubectl says, as JSON."""
    document: dict[str, Any] = json.loads(run("kubectl", *arguments, "--output=json"))
    return document


def exists(*what: str) -> bool:
    """Whether `kubectl get` finds all of it."""
    try:
        run("kubectl", "get", *what)
    except CommandError:
        return False
    return True


def a_node() -> str:
    """Name of a node, always the same, for what has to lie on one."""
    return str(kubectl_json("get", "nodes")["items"][-1]["metadata"]["name"])


def server_version() -> str:
    """The version of Kubernetes, as `v1.37.2`."""
    return str(kubectl_json("version")["serverVersion"]["gitVersion"])


class Cluster:
    """One namespace, in which the Pod Security Standard `restricted` is enforced."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace

    def create(self) -> None:
        """Make the namespace, after removing what an earlier run left of it."""
        self.remove()
        run("kubectl", "create", "namespace", self.namespace)
        run("kubectl", "label", "namespace", self.namespace, "pod-security.kubernetes.io/enforce=restricted")
        eventually(
            "the namespace's default ServiceAccount",
            lambda: self.kubectl("get", "serviceaccount", "default", "--ignore-not-found", "--output=name"),
        )

    def remove(self) -> None:
        """Delete the namespace and wait until it is gone."""
        run("kubectl", "delete", "namespace", self.namespace, "--ignore-not-found", "--wait", "--timeout=180s")

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """The output of kubectl in the namespace."""
        return run("kubectl", "--namespace", self.namespace, *arguments, stdin=stdin)

    def get(self, kind: str, name: str) -> dict[str, Any]:
        """One object."""
        found: dict[str, Any] = json.loads(self.kubectl("get", kind, name, "--output=json"))
        return found

    def select(self, kind: str, labels: str) -> list[dict[str, Any]]:
        """The objects of a kind that have these labels, oldest first."""
        listed = json.loads(self.kubectl("get", kind, f"--selector={labels}", "--output=json"))["items"]
        return sorted(listed, key=lambda each: str(each["metadata"]["creationTimestamp"]))

    def apply(self, *objects: dict[str, Any]) -> None:
        """Create or change objects."""
        self.kubectl("apply", "--filename=-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))

    def apply_secret(self, name: str, entry: str, content: str) -> None:
        """Create or change a Secret of one entry."""
        self.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {entry: content}})

    def apply_keys(self, name: str) -> str:
        """Create or change a Secret with a key file, whose one key may predict; that key."""
        key, sha256 = new_key()
        file = {"keys": [{"label": "e2e", "sha256": sha256, "scopes": ["predict"]}]}
        self.apply_secret(name, "keys.yaml", json.dumps(file))
        return key

    def events(self, name: str, reason: str) -> list[str]:
        """What the events of an object with this reason say, oldest first."""
        selector = f"--field-selector=involvedObject.name={name},reason={reason}"
        listed = json.loads(self.kubectl("get", "events", selector, "--output=json"))["items"]
        return [str(each["message"]) for each in sorted(listed, key=lambda event: str(event["lastTimestamp"]))]

    def event(self, name: str, reason: str) -> str | None:
        """What the newest of them says."""
        events = self.events(name, reason)
        return events[-1] if events else None

    def log_line(self, pod: str, word: str) -> str | None:
        """The first line of a pod's log with this word in it."""
        return next((line for line in self.kubectl("logs", pod).splitlines() if word in line), None)

    def execute(self, pod: str, *command: str) -> str:
        """The output of a command in a running pod."""
        return self.kubectl("exec", pod, "--", *command)

    def everything(self) -> set[str]:
        """Every object in the namespace, as kind/name, but for events and what Kubernetes itself puts there."""
        kinds = run("kubectl", "api-resources", "--namespaced", "--verbs=list", "--output=name").split()
        kinds = [kind for kind in kinds if not kind.startswith("events") and not kind.endswith("metrics.k8s.io")]
        listed = self.kubectl("get", ",".join(kinds), "--ignore-not-found", "--output=name").split()
        return set(listed) - {"configmap/kube-root-ca.crt", "serviceaccount/default"}

    def describe(self) -> str:
        """What a person wants to see after a failure: pods, their logs and events."""
        sections = []
        for title, arguments in {
            "pods": ("get", "pods,services,deployments,endpointslices", "--output=wide"),
            "events": ("get", "events", "--sort-by=.lastTimestamp"),
            "description": ("describe", "pods"),
        }.items():
            sections.append(f"--- {title}\n{self._say(*arguments)}")
        for pod in self._say("get", "pods", "--output=name").split():
            sections.append(f"--- log of {pod}\n{self._say('logs', pod, '--all-containers', '--tail=100')}")
            sections.append(f"--- log of {pod}, before\n{self._say('logs', pod, '--previous', '--tail=40')}")
        return "\n".join(sections)

    def _say(self, *arguments: str) -> str:
        try:
            return self.kubectl(*arguments)
        except (CommandError, subprocess.TimeoutExpired) as error:
            return str(error)
