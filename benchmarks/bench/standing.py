"""How servers stand to each other: ratios of paired rounds and their spread. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.bench.results import PEER, Showing, WorkloadResult

RAW, RAW_ONNX, RAW_TASK = "raw torch", "raw ONNX Runtime", "the model without a server"


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of the rounds, the least and the most."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f} to {self.high:.2f})"


def spread(values: Sequence[float]) -> Spread:
    """Of one value at least."""
    return Spread(statistics.median(values), min(values), max(values))


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Round by round, as what the machine did meanwhile falls on both; infinite where theirs is 0."""
    return spread([mine / other if other else math.inf for mine, other in zip(ours, theirs, strict=True)])


def speeds(showing: Showing, connections: str) -> list[float]:
    """Requests per second, of each round."""
    return [cell.per_second for cell in showing.closed[connections]]


def capacity(showing: Showing) -> float:
    """The most requests per second that a server reaches at any number of connections: the highest median."""
    return max(statistics.median(speeds(showing, connections)) for connections in showing.closed)


def peers(result: WorkloadResult, ours: str) -> dict[str, Showing]:
    """The living peers that took part: neither us in any form, nor what nobody maintains any more."""
    return {name: showing for name, showing in result.servers.items() if name != ours and showing.role == PEER}


def best_peer(result: WorkloadResult, ours: str, connections: str) -> str | None:
    """The living peer with the highest median at that many connections."""
    others = {name: showing for name, showing in peers(result, ours).items() if connections in showing.closed}
    return max(others, key=lambda name: statistics.median(speeds(others[name], connections)), default=None)


def quickest_peer(result: WorkloadResult, ours: str, connections: str) -> str | None:
    """The living peer with the lowest median p99 at that many connections."""
    others = {name: showing for name, showing in peers(result, ours).items() if connections in showing.closed}
    return min(others, key=lambda name: statistics.median(p99s(others[name], connections)), default=None)


def p99s(showing: Showing, connections: str) -> list[float]:
    """p99 in milliseconds, of each round."""
    return [cell.p99_ms for cell in showing.closed[connections]]


def costs(showing: Showing, connections: str) -> list[float]:
    """Microseconds of CPU per request, of each round."""
    return [cell.cpu_us for cell in showing.closed[connections]]


def best_scenario(result: WorkloadResult, ours: str) -> str | None:
    """The living peer with the most requests per second in the Server scenario."""
    found = {name: each.scenario for name, each in peers(result, ours).items()}
    rates = {name: scenario.per_second for name, scenario in found.items() if scenario is not None}
    return max(rates, key=lambda name: rates[name], default=None)


def kept_goodput(showing: Showing, times_peak: float) -> float | None:
    """Goodput at a multiple of the peak, as a share of the most on the whole curve.

    None where the generator could not send so much, or it was not measured.
    """
    points = [point for point in showing.overload if point.kept_up]
    at = [point.goodput for point in points if point.times_peak == times_peak]
    most = max((point.goodput for point in points), default=0.0)
    return at[0] / most if at and most else None


def ratios(result: WorkloadResult, ours: str) -> Iterator[tuple[str, str, Spread]]:
    """Connections, server, and how often ours is as fast; of the model alone with a batch of as many rows, too."""
    if ours not in result.servers:
        return
    mine = result.servers[ours]
    for connections in mine.closed:
        for name, showing in result.servers.items():
            if name != ours and connections in showing.closed:
                yield connections, name, ratio(speeds(mine, connections), speeds(showing, connections))
        for name, raw in ((RAW, result.raw), (RAW_ONNX, result.raw_onnx), (RAW_TASK, result.raw_task)):
            if connections in raw:
                yield connections, name, ratio(speeds(mine, connections), raw[connections])


def added_ms(result: WorkloadResult, ours: str) -> Spread | None:
    """What the whole path adds to the bare forward of one row, over one connection: median latency less the forward."""
    if "1" not in result.raw or ours not in result.servers or "1" not in result.servers[ours].closed:
        return None
    cells = result.servers[ours].closed["1"]
    forwards = [1000 / rows for rows in result.raw["1"]]
    return spread([cell.p50_ms - forward for cell, forward in zip(cells, forwards, strict=True)])
