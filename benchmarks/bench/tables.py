"""A result as tables, for a terminal and as Markdown. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.table import Table

from benchmarks.bench.demands import demands
from benchmarks.bench.results import Offered, Result, Showing, WorkloadResult
from benchmarks.bench.standing import RAW, RAW_ONNX, RAW_TASK, best_peer, ratios, speeds


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: the first column names a server, or what the row is about."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def demand_grid(result: Result) -> Grid:
    """What the run must show, and whether it does."""
    rows = tuple(demand.cells() for demand in demands(result))
    return Grid("what it must show", ("must show", "floor", "aim", "measured", "reached"), rows)


def grids(result: Result) -> Iterator[Grid]:
    """All tables of what was measured, model by model."""
    for key, workload in result.workloads.items():
        if not workload.servers:
            continue
        what = f"{key}, {workload.about}"
        if _connections(workload):
            yield _closed_grid(workload, what)
            yield _ratio_grid(workload, result.ours, what)
        yield _cost_grid(workload, what, result.environment_mib)
        if any(showing.scenario for showing in workload.servers.values()):
            yield _scenario_grid(workload, what)
        if any(showing.overload for showing in workload.servers.values()):
            yield _overload_grid(workload, what)
    left = {(key, name, why) for key, workload in result.workloads.items() for name, why in workload.left_out.items()}
    if left:
        yield Grid("left out", ("model", "server", "why"), tuple(sorted(left)))


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
        (name, *(_speed(showing, connections) for connections in columns))
        for name, showing in workload.servers.items()
        if showing.closed
    ]
    for name, raw in (
        (f"{RAW}, one core, batch = c", workload.raw),
        (f"{RAW_ONNX}, one core, batch = c", workload.raw_onnx),
        (f"{RAW_TASK}, two processes, one row at a time", workload.raw_task),
    ):
        if raw:
            rows.append((name, *(f"{statistics.median(raw[each]):.0f}" if each in raw else "" for each in columns)))
    widths = f"perceptron {'-'.join(map(str, workload.sizes))}, " if workload.sizes else ""
    title = (
        f"{what}: {widths}one row, {workload.body_bytes} bytes: requests/s, and p50 / p95 / p99 in ms, by connections"
    )
    return Grid(title, ("closed loop", *(f"c={each}" for each in columns)), tuple(rows))


def _ratio_grid(workload: WorkloadResult, ours: str, what: str) -> Grid:
    columns = _connections(workload)
    found: dict[str, dict[str, str]] = {"the best living peer": {}}
    for connections, name, times in ratios(workload, ours):
        found.setdefault(name, {})[connections] = str(times)
        if name == best_peer(workload, ours, connections):
            found["the best living peer"][connections] = f"{times} {name}"
    rows = tuple((name, *(cells.get(each, "") for each in columns)) for name, cells in found.items() if cells)
    return Grid(f"{what}: {ours} is so many times as fast as", ("server", *(f"c={each}" for each in columns)), rows)


def _cost_grid(workload: WorkloadResult, what: str, environments: Mapping[str, float]) -> Grid:
    columns = _connections(workload)
    rows = []
    for name, showing in workload.servers.items():
        cells = [cell for rounds in showing.closed.values() for cell in rounds]
        shares = [cell.wrk_core_share for cell in cells]
        rows.append(
            (
                name,
                *(_cost(showing, each) for each in columns),
                f"{showing.idle_mib:.0f}",
                f"{showing.peak_mib:.0f}",
                f"{showing.idle_core_share:.1%}",
                f"{showing.start_seconds:.1f}" if showing.start_seconds else "",
                f"{environments[name]:.0f}" if name in environments else "",
                f"{sum(cell.failures for cell in cells)} of {sum(cell.requests for cell in cells)}",
                f"{min(shares):.0%} to {max(shares):.0%}" if shares else "",
                f"{statistics.median(cell.strangers_cores for cell in cells):.2f}" if cells else "",
                f"{showing.rows_checked}, all right",
            )
        )
    header = ("cost", *(f"CPU us/request, c={each}" for each in columns), "idle MiB", "peak MiB", "idle CPU")
    header += ("start to first answer, s", "installed besides torch, MiB", "not 2xx", "wrk's core", "strangers' cores")
    return Grid(f"{what}: cost", (*header, "rows checked"), tuple(rows))


def _scenario_grid(workload: WorkloadResult, what: str) -> Grid:
    rows = tuple(
        (
            name,
            f"{found.per_second:g}" if found.per_second else "at no rate",
            "" if found.p99_ms is None else f"{found.p99_ms:.1f}",
            f"{found.generator}, {found.trials} rates tried",
        )
        for name, showing in workload.servers.items()
        if (found := showing.scenario) is not None
    )
    title = (
        f"{what}: Poisson arrivals, latency from when a request was due: the most requests/s with p99 under "
        f"{workload.objective_ms:g} ms and no failure"
    )
    return Grid(title, ("server", "requests/s", "p99 ms", "arrivals by"), rows)


def _overload_grid(workload: WorkloadResult, what: str) -> Grid:
    showings = {name: showing for name, showing in workload.servers.items() if showing.overload}
    columns = [point.times_peak for point in next(iter(showings.values())).overload]
    rows = tuple((name, *map(_point, showing.overload)) for name, showing in showings.items())
    title = (
        f"{what}: offered at multiples of the server's own peak: answered 200 within a second of when due, per second, "
        "and p99 of the answered in ms"
    )
    return Grid(title, ("overload", *(f"{times:g} x peak" for times in columns)), rows)


def _point(point: Offered) -> str:
    p99 = "" if point.outcome.answered_p99_ms is None else f"{point.outcome.answered_p99_ms:.0f}"
    late = "" if point.kept_up else "; generator late"
    return f"{point.goodput:.0f} of {point.rate:.0f} ({p99}{late})"


def _connections(workload: WorkloadResult) -> list[str]:
    return sorted({each for showing in workload.servers.values() for each in showing.closed}, key=int)


def _speed(showing: Showing, connections: str) -> str:
    if connections not in showing.closed:
        return ""
    cells = showing.closed[connections]
    p50, p95, p99 = (
        statistics.median(getattr(cell, field) for cell in cells) for field in ("p50_ms", "p95_ms", "p99_ms")
    )
    return f"{statistics.median(speeds(showing, connections)):.0f} ({p50:.1f} / {p95:.1f} / {p99:.1f})"


def _cost(showing: Showing, connections: str) -> str:
    cells = showing.closed.get(connections)
    return str(round(statistics.median(cell.cpu_us for cell in cells))) if cells else ""


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
