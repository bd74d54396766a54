"""Pods of a release of which only the metrics are there, with numbers that a test decides."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from tests.doubles.servers import CannedServer

EDGES = ("0.1", "0.5", "+Inf")
_UNREADABLE = 500


@dataclass
class ScriptedPod:
    """Answers a scrape with the requests that it was given since it started."""

    version: str = "1"
    started: float = field(default_factory=time.time)
    requests: Counter[str] = field(default_factory=Counter)
    within: Counter[str] = field(default_factory=Counter)
    classes: Counter[str] = field(default_factory=Counter)
    server: CannedServer = field(default_factory=lambda: CannedServer(content_type="text/plain; version=0.0.4"))

    def answer(self, number: int, *, code: str = "200", seconds: float = 0.05, label: str = "a") -> None:
        """Count so many requests."""
        self.requests[code] += number
        if code == "200":
            self.within.update({edge: number for edge in EDGES if seconds <= float(edge)})
            self.classes[label] += number
        self.show()

    def restart(self) -> None:
        """Count from 0 in a new process."""
        self.started = time.time()
        for counter in (self.requests, self.within, self.classes):
            counter.clear()
        self.show()

    def hide(self) -> None:
        """Refuse every scrape until it shows something again."""
        self.server.status = _UNREADABLE

    def show(self) -> None:
        """Show the present numbers from now on."""
        self.server.body = "\n".join(self.lines()).encode() + b"\n"

    def lines(self) -> Iterator[str]:
        """The samples in the text format, as a server of one version exports them."""
        of = f'model="digits",version="{self.version}"'
        yield 'plimsoll_build_info{version="1.0"} 1'
        yield f'plimsoll_model_info{{{of},digest="d{self.version}"}} 1'
        yield f"process_start_time_seconds {self.started}"
        for code, number in {"200": 0, **self.requests}.items():
            yield f'plimsoll_requests_total{{{of},protocol="v1",code="{code}"}} {number}'
        yield f'plimsoll_requests_shed_total{{{of},reason="overloaded"}} {self.requests["429"]}'
        for edge in EDGES:
            yield f'plimsoll_request_duration_seconds_bucket{{{of},protocol="v1",le="{edge}"}} {self.within[edge]}'
        for label in ("a", "b"):
            yield f'plimsoll_predictions_total{{{of},class="{label}"}} {self.classes[label]}'
        yield f"shop_orders_total {self.requests['200']}"
        yield f"shop_paid_total {self.classes['a']}"


@contextmanager
def running(pods: Mapping[str, ScriptedPod]) -> Iterator[dict[str, ScriptedPod]]:
    """The pods by the URLs of their metrics, for as long as they run; given by name."""
    with ExitStack() as servers:
        for pod in pods.values():
            pod.show()
        yield {servers.enter_context(pod.server.running()): pod for pod in pods.values()}


def labels_of(name: str, namespace: str = "here", fullname: str = "shop-plimsoll") -> dict[str, str]:
    """The labels that a cluster adds to the series of a pod, such as `canary-0`."""
    track = name.partition("-")[0]
    return {"namespace": namespace, "service": f"{fullname}-{track}", "track": track, "pod": f"{fullname}-{name}"}
