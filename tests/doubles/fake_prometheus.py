"""A Prometheus of which only the replies are there; it reads no PromQL."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import httpx
from plimsoll.rollout.prometheus import Prometheus
from tenacity import wait_none

Value = Callable[[float], float | None]
"""The value of a series at a time; `None` where it has none."""


def constant(value: float | None) -> Value:
    """The same value at every time."""
    return lambda _: value


def rising(rate: float, since: float = 0.0) -> Value:
    """A counter that rises by so much a second."""
    return lambda at: rate * (at - since)


@dataclass
class FakePrometheus:
    """Answers each query with the series whose `needle` is in it, at the times that the query asks for."""

    known: list[tuple[str, dict[str, str], Value]] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)

    def add(self, needle: str, value: Value, **labels: str) -> None:
        """Know one more series."""
        self.known.append((needle, labels, value))

    def client(self) -> Prometheus:
        """A client that asks this one."""
        return Prometheus("http://prometheus:9090", transport=httpx.MockTransport(self._answer), pause=wait_none())

    def _answer(self, request: httpx.Request) -> httpx.Response:
        asked = dict(parse_qsl(request.content.decode()))
        self.asked.append(asked)
        ranged = request.url.path.endswith("/query_range")
        start, step = float(asked.get("start", asked.get("time", "0"))), float(asked.get("step", "1"))
        points = math.floor((float(asked["end"]) - start) / step) + 1 if ranged else 1
        times = [start + step * point for point in range(points)]
        result: list[dict[str, Any]] = []
        for needle, labels, value in self.known:
            if needle not in asked["query"]:
                continue
            samples = [[at, str(found)] for at in times if (found := value(at)) is not None]
            if samples and ranged:
                result.append({"metric": labels, "values": samples})
            elif samples:
                result.append({"metric": labels, "value": samples[0]})
        kind = "matrix" if ranged else "vector"
        return httpx.Response(200, json={"status": "success", "data": {"resultType": kind, "result": result}})
