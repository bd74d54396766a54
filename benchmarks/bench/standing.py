"""How servers stand to each other: ratios of paired rounds and their spread. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.bench.results import Showing, WorkloadResult

RAW = "raw torch"


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
    """Round by round, as what the machine did meanwhile falls on both."""
    return spread([mine / other for mine, other in zip(ours, theirs, strict=True)])


def speeds(showing: Showing, connections: str) -> list[float]:
    """Requests per second, of each round."""
    return [cell.per_second for cell in showing.closed[connections]]


def capacity(showing: Showing) -> float:
    """The most requests per second that a server reaches at any number of connections: the highest median."""
    return max(statistics.median(speeds(showing, connections)) for connections in showing.closed)


def peers(result: WorkloadResult, ours: str) -> dict[str, Showing]:
    """All who took part but us."""
    return {name: showing for name, showing in result.servers.items() if name != ours}


def best_peer(result: WorkloadResult, ours: str, connections: str) -> str | None:
    """The peer with the highest median at that many connections."""
    others = peers(result, ours)
    return max(others, key=lambda name: statistics.median(speeds(others[name], connections)), default=None)


def ratios(result: WorkloadResult, ours: str) -> Iterator[tuple[str, str, Spread]]:
    """Connections, peer, and how often ours is as fast; of torch alone with a batch of as many rows, too."""
    if ours not in result.servers:
        return
    mine = result.servers[ours]
    for connections in mine.closed:
        for name, showing in peers(result, ours).items():
            yield connections, name, ratio(speeds(mine, connections), speeds(showing, connections))
        if connections in result.raw:
            yield connections, RAW, ratio(speeds(mine, connections), result.raw[connections])


def open_p99(showing: Showing) -> float:
    """The median of the rounds' p99 in open loop; infinite where most rounds left more unanswered than p99 allows."""
    found = [outcome.p99_ms for outcome in showing.open]
    return statistics.median(float("inf") if p99 is None else p99 for p99 in found) if found else float("nan")


def best_open_peer(result: WorkloadResult, ours: str) -> str | None:
    """The peer with the lowest p99 in open loop."""
    others = {name: open_p99(showing) for name, showing in peers(result, ours).items() if showing.open}
    return min(others, key=lambda name: others[name], default=None)


def added_ms(result: WorkloadResult, ours: str) -> Spread | None:
    """What the whole path adds to the bare forward of one row, over one connection: median latency less the forward."""
    if "1" not in result.raw or ours not in result.servers or "1" not in result.servers[ours].closed:
        return None
    cells = result.servers[ours].closed["1"]
    forwards = [1000 / rows for rows in result.raw["1"]]
    return spread([cell.p50_ms - forward for cell, forward in zip(cells, forwards, strict=True)])
