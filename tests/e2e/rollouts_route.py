"""The weights of an HTTPRoute over time, and who wrote them: what a rollout did, seen from outside of it."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.e2e.cluster import Cluster


class Moment(NamedTuple):
    """A weight of the canary in percent, from a time on, in seconds since 1970."""

    at: float
    weight: int


@dataclass
class Seen:
    """What a watch of one HTTPRoute has seen so far."""

    moments: list[Moment] = field(default_factory=list)
    writers: set[str] = field(default_factory=set)

    def add(self, route: dict[str, Any], at: float) -> None:
        """Note a state of the route."""
        self.writers |= writers_of_spec(route)
        weight = canary_percent(route)
        if not self.moments or self.moments[-1].weight != weight:
            self.moments.append(Moment(at, weight))

    def first_at(self) -> float | None:
        """When the canary got requests first."""
        return next((each.at for each in self.moments if each.weight), None)

    def left_at(self, after: float) -> float | None:
        """When it got none again, for the first time after a time."""
        return next((each.at for each in self.moments if each.at > after and not each.weight), None)


def canary_percent(route: dict[str, Any]) -> int:
    """The weight of the canary for requests that name no version; 0 where the rule has one backend."""
    backends = route["spec"]["rules"][0]["backendRefs"]
    return int(backends[1]["weight"]) if len(backends) > 1 else 0


def writers_of_spec(route: dict[str, Any]) -> set[str]:
    """The managers of fields of the spec, as managedFields name them."""
    fields = route["metadata"].get("managedFields", [])
    return {str(each["manager"]) for each in fields if "f:spec" in each.get("fieldsV1", {})}


@contextmanager
def watched_route(cluster: Cluster, name: str) -> Iterator[Seen]:
    """All states of an HTTPRoute while the block runs."""
    command = [
        "kubectl", "--namespace", cluster.namespace, "get", "httproute", name, "--watch", "--show-managed-fields",
        "--output=json",
    ]  # fmt: skip
    seen, over = Seen(), threading.Event()
    running: list[subprocess.Popen[str]] = []

    def follow() -> None:
        while not over.is_set():  # a watch ends by itself after half an hour or more
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as watch:
                running[:] = [watch]
                assert watch.stdout is not None
                for document in documents(watch.stdout):
                    seen.add(document, time.time())
            over.wait(1)

    follower = threading.Thread(target=follow, daemon=True)
    follower.start()
    try:
        yield seen
    finally:
        over.set()
        for watch in running:
            watch.terminate()
        follower.join(timeout=15)


def documents(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The JSON objects that `kubectl get --watch --output=json` writes, each of which ends with a brace of its own."""
    text = ""
    for line in lines:
        text += line
        if line.rstrip("\n") == "}":
            yield json.loads(text)
            text = ""
