"""A result as a picture: requests per second by connections, and what is still answered in overload."""

from __future__ import annotations

import statistics
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from benchmarks.bench.results import VARIANT, Result, WorkloadResult
from benchmarks.bench.standing import RAW_TASK, speeds, spread

_OURS, _FORMS = "#0b5fa5", ("#5b9bd5", "#a9d0ee", "#2b7a78", "#12406b")
_OTHERS = ("#8c8c8c", "#b8a13a", "#6f9f6f", "#a8709c", "#c07a4b", "#d06c8b", "#4f8f8b")


def draw(result: Result, path: Path) -> None:
    """Write the picture: a row for each model, requests per second, goodput by what is offered, and p99 by goodput."""
    mpl.use("Agg")
    workloads = {key: workload for key, workload in result.workloads.items() if workload.servers}
    widths = [3, 1, 1] if any(_has_overload(each) for each in workloads.values()) else [3]
    figure, axes = plt.subplots(
        max(len(workloads), 1),
        len(widths),
        figsize=(3.6 * sum(widths), 4.6 * max(len(workloads), 1)),
        squeeze=False,
        width_ratios=widths,
        layout="constrained",
    )
    colours = _colours(result)
    known: dict[str, Artist] = {}
    for (key, workload), (left, *others) in zip(workloads.items(), axes, strict=False):
        if any(showing.closed for showing in workload.servers.values()):
            _speed(left, key, workload, colours)
        else:
            left.set_axis_off()
            left.set_title(f"{key}, {workload.about}: requests per second were not measured", loc="left", fontsize=10)
        for axis, draw_part in zip(others, (_goodput, _latency), strict=True) if others else ():
            if _has_overload(workload):
                draw_part(axis, workload, colours)
            else:
                axis.set_axis_off()
        for axis in (left, *others):
            handles, labels = axis.get_legend_handles_labels()
            known |= dict(zip(labels, handles, strict=True))
    labels = list(known)
    handles = list(known.values())
    figure.legend(handles, labels, loc="outside lower center", ncols=max(len(labels), 1), frameon=False)
    machine = result.occasion.machine.partition(";")[0]
    figure.suptitle(
        f"{result.ours} {result.occasion.commit.partition(',')[0]} and its peers, {result.occasion.date}, {machine}; "
        f"medians of {result.rounds} rounds of {result.seconds:g} s, bars from least to most",
        fontsize=10,
    )
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _has_overload(workload: WorkloadResult) -> bool:
    return any(showing.overload for showing in workload.servers.values())


def _speed(axis: Axes, key: str, workload: WorkloadResult, colours: dict[str, str]) -> None:
    servers = {name: showing for name, showing in workload.servers.items() if showing.closed}
    connections = sorted({each for showing in servers.values() for each in showing.closed}, key=int)
    servers = {name: showing for name, showing in servers.items() if set(showing.closed) == set(connections)}
    width = 0.84 / max(len(servers), 1)
    highest = 0.0
    for place, (name, showing) in enumerate(servers.items()):
        at = [column + (place - (len(servers) - 1) / 2) * width for column in range(len(connections))]
        found = [spread(speeds(showing, each)) for each in connections]
        errors = [[each.median - each.low for each in found], [each.high - each.median for each in found]]
        heights = [each.median for each in found]
        highest = max(highest, *(each.high for each in found))
        axis.bar(at, heights, width * 0.92, yerr=errors, label=name, color=colours[name], error_kw={"lw": 0.8})
        for x, each in zip(at, found, strict=True):
            axis.annotate(
                f"{each.median:.0f}", (x, each.high), (0, 2), textcoords="offset points", ha="center", fontsize=6.5
            )
    _limits(axis, connections, workload, 2 * highest)
    axis.set_xticks(range(len(connections)), [f"c = {each}" for each in connections])
    axis.set_xlabel("connections, each with one request in flight")
    axis.set_ylabel("requests per second")
    axis.set_title(f"{key}, {workload.about} {'-'.join(map(str, workload.sizes))}", loc="left", fontsize=10)
    axis.spines[["top", "right"]].set_visible(False)


def _limits(axis: Axes, connections: list[str], workload: WorkloadResult, most: float) -> None:
    """What torch alone, or the model of a task alone, does, where that is within sight of the servers."""
    for label, raw in (("torch alone", workload.raw), (RAW_TASK, workload.raw_task)):
        for column, each in enumerate(connections):
            limit = statistics.median(raw[each]) if each in raw else most
            if limit < most:
                axis.hlines(limit, column - 0.46, column + 0.46, colors="black", linestyles="dashed", lw=1)
                place = (column + 0.46, limit)
                axis.annotate(label, place, (0, 2), textcoords="offset points", fontsize=6.5, va="bottom", ha="right")


def _goodput(axis: Axes, workload: WorkloadResult, colours: dict[str, str]) -> None:
    """As shares of each server's own peak; a point for which the generator was late is left out."""
    for name, showing in workload.servers.items():
        points = [point for point in showing.overload if point.kept_up]
        peak = max((point.goodput for point in points), default=0.0)
        if peak:
            shares = [point.goodput / peak for point in points]
            axis.plot([point.times_peak for point in points], shares, marker=".", label=name, color=colours[name])
    axis.set_xlabel("offered, in multiples of the server's own peak")
    axis.set_ylabel("answered in a second, share of the most")
    axis.set_ylim(0, 1.05)
    axis.set_title("goodput in overload", loc="left", fontsize=10)
    axis.spines[["top", "right"]].set_visible(False)


def _latency(axis: Axes, workload: WorkloadResult, colours: dict[str, str]) -> None:
    """Each curve from little load to overload: to the right as long as there is more to gain, then up."""
    for name, showing in workload.servers.items():
        points = [point for point in showing.overload if point.kept_up and point.outcome.answered_p99_ms]
        speeds_, p99 = [point.goodput for point in points], [point.outcome.answered_p99_ms or 0 for point in points]
        if points:
            axis.plot(speeds_, p99, marker=".", color=colours[name])
    if workload.objective_ms:
        axis.axhline(workload.objective_ms, color="black", linestyle="dashed", lw=1)
    axis.set_yscale("log")
    axis.set_xlabel("requests per second answered in a second")
    axis.set_ylabel("p99 of the answered, ms")
    axis.set_title("throughput against p99", loc="left", fontsize=10)
    axis.spines[["top", "right"]].set_visible(False)


def _colours(result: Result) -> dict[str, str]:
    roles = {name: showing.role for each in result.workloads.values() for name, showing in each.servers.items()}
    others, forms = iter(_OTHERS * 2), iter(_FORMS * 2)
    return {
        name: _OURS if name == result.ours else next(forms) if role == VARIANT else next(others)
        for name, role in roles.items()
    }
