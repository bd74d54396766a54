"""A result as tables, for a terminal and as Markdown. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.table import Table

from benchmarks.bench.results import Result, Showing, WorkloadResult
from benchmarks.bench.standing import (
    RAW,
    added_ms,
    best_open_peer,
    best_peer,
    open_p99,
    ratio,
    ratios,
    speeds,
    spread,
)
from benchmarks.findings import Findings


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: the first column names a server, or what the row is about."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def grids(result: Result) -> Iterator[Grid]:
    """All tables, model by model."""
    for key, workload in result.workloads.items():
        widths = "-".join(map(str, workload.sizes))
        what = f"{key}, {workload.about}: perceptron {widths}, one row of {workload.body_bytes} bytes of JSON"
        if not workload.servers:
            continue
        yield _closed_grid(workload, what)
        yield _ratio_grid(workload, result.ours, what)
        yield _cost_grid(workload, what)
        if workload.open_rate:
            yield _open_grid(workload, what)
    left = {(key, name, why) for key, workload in result.workloads.items() for name, why in workload.left_out.items()}
    if left:
        yield Grid("left out", ("model", "server", "why"), tuple(sorted(left)))


def floors(result: Result) -> Findings:
    """What the issue that asked for this bench demands at least, of the models and connections that were measured."""
    findings = Findings("floors", f"{result.rounds} rounds of {result.seconds:g} s; medians of paired rounds")
    small, heavy = result.workloads.get("A"), result.workloads.get("B")
    if small is not None and result.ours in small.servers:
        _floors_of_small(findings, small, result.ours)
    if heavy is not None and result.ours in heavy.servers and "torchserve" in heavy.servers:
        mine, theirs = heavy.servers[result.ours], heavy.servers["torchserve"]
        for connections in mine.closed:
            if int(connections) >= 32:  # noqa: PLR2004  # the floors begin there
                found = ratio(speeds(mine, connections), speeds(theirs, connections)).median
                findings.at_least(f"B, c = {connections}: times TorchServe", round(found, 2), 1.3)
    for key, workload in result.workloads.items():
        name = best_open_peer(workload, result.ours)
        if name is not None and result.ours in workload.servers:
            bound = open_p99(workload.servers[name]) / 2
            what = f"{key}, {workload.open_rate:g} requests/s: p99, half of {name}'s"
            findings.at_most(what, open_p99(workload.servers[result.ours]), bound, "ms")
        if workload.took_seconds:
            findings.took(workload.took_seconds, key)
    return findings


def _floors_of_small(findings: Findings, workload: WorkloadResult, ours: str) -> None:
    mine = workload.servers[ours]
    for connections in mine.closed:
        name = best_peer(workload, ours, connections)
        if name is not None:
            found = ratio(speeds(mine, connections), speeds(workload.servers[name], connections)).median
            findings.at_least(
                f"A, c = {connections}: times the best peer, {name}", round(found, 2), 1.5 if connections == "1" else 3
            )
    added = added_ms(workload, ours)
    if added is not None:
        findings.at_most("A, c = 1: added to the bare forward", added.median, 1.5, "ms")


def markdown_of(grid: Grid) -> list[str]:
    """A table as lines of Markdown."""
    lines = [f"### {grid.title}", "", _line(grid.header), _line(["---"] * len(grid.header))]
    return [*lines, *(_line(row) for row in grid.rows), ""]


def table_of(grid: Grid) -> Table:
    """A table for a terminal, without its title."""
    table = Table(*grid.header)
    for row in grid.rows:
        table.add_row(*row)
    return table


def _closed_grid(workload: WorkloadResult, what: str) -> Grid:
    columns = _connections(workload)
    rows = [
        (name, *(_speed(showing, connections) for connections in columns)) for name, showing in workload.servers.items()
    ]
    if workload.raw:
        limits = (f"{statistics.median(workload.raw[each]):.0f}" if each in workload.raw else "" for each in columns)
        rows.append((f"{RAW}, batch = c", *limits))
    title = f"{what}: requests/s, and p50 / p95 / p99 in ms, by connections"
    return Grid(title, ("closed loop", *(f"c={each}" for each in columns)), tuple(rows))


def _ratio_grid(workload: WorkloadResult, ours: str, what: str) -> Grid:
    columns = _connections(workload)
    found: dict[str, dict[str, str]] = {"the best peer": {}}
    for connections, name, times in ratios(workload, ours):
        found.setdefault(name, {})[connections] = str(times)
        if name == best_peer(workload, ours, connections):
            found["the best peer"][connections] = f"{times} {name}"
    rows = tuple((name, *(cells.get(each, "") for each in columns)) for name, cells in found.items() if cells)
    return Grid(f"{what}: {ours} is so many times as fast as", ("peer", *(f"c={each}" for each in columns)), rows)


def _cost_grid(workload: WorkloadResult, what: str) -> Grid:
    columns = _connections(workload)
    rows = []
    for name, showing in workload.servers.items():
        cells = [cell for rounds in showing.closed.values() for cell in rounds]
        shares = [cell.wrk_core_share for cell in cells]
        costs = (str(round(statistics.median(cell.cpu_us for cell in showing.closed[each]))) for each in columns)
        rows.append(
            (
                name,
                *costs,
                f"{showing.idle_mib:.0f}",
                f"{showing.peak_mib:.0f}",
                f"{showing.idle_core_share:.1%}",
                f"{sum(cell.failures for cell in cells)} of {sum(cell.requests for cell in cells)}",
                f"{min(shares):.0%} to {max(shares):.0%}",
                f"{statistics.median(cell.strangers_cores for cell in cells):.2f}",
                f"{showing.rows_checked}, all right",
            )
        )
    header = ("cost", *(f"CPU us/request, c={each}" for each in columns), "idle MiB", "peak MiB", "idle CPU")
    return Grid(f"{what}: cost", (*header, "not 2xx", "wrk's core", "strangers' cores", "rows checked"), tuple(rows))


def _open_grid(workload: WorkloadResult, what: str) -> Grid:
    rows = []
    for name, showing in workload.servers.items():
        sent = sum(outcome.sent for outcome in showing.open)
        lost = sum(outcome.failures + outcome.unanswered for outcome in showing.open)
        quantiles = (
            _milliseconds([getattr(outcome, field) for outcome in showing.open])
            for field in ("p50_ms", "p95_ms", "p99_ms")
        )
        lag = _milliseconds([outcome.lag_p99_ms for outcome in showing.open])
        core = spread([outcome.core_share for outcome in showing.open])
        rows.append((name, *quantiles, f"{lost} of {sent}", lag, f"{core.low:.0%} to {core.high:.0%}"))
    title = f"{what}: open loop, {workload.open_rate:g} requests/s, latency in ms from when a request was due"
    header = ("open loop", "p50", "p95", "p99", "not answered 200", "sent late, p99", "generator's core")
    return Grid(title, header, tuple(rows))


def _connections(workload: WorkloadResult) -> list[str]:
    return list(next(iter(workload.servers.values())).closed)


def _speed(showing: Showing, connections: str) -> str:
    cells = showing.closed[connections]
    p50, p95, p99 = (
        statistics.median(getattr(cell, field) for cell in cells) for field in ("p50_ms", "p95_ms", "p99_ms")
    )
    return f"{statistics.median(speeds(showing, connections)):.0f} ({p50:.1f} / {p95:.1f} / {p99:.1f})"


def _milliseconds(values: Sequence[float | None]) -> str:
    found = statistics.median(float("inf") if value is None else value for value in values)
    return "never" if found == float("inf") else f"{found:.1f}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
