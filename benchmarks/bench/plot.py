"""A result as a picture: requests per second by connections, and latency at the same offered load."""

from __future__ import annotations

import statistics
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from benchmarks.bench.results import Result, WorkloadResult
from benchmarks.bench.standing import open_p99, speeds, spread

_OURS, _OTHERS = "#0b5fa5", ("#8c8c8c", "#b8a13a", "#6f9f6f", "#a8709c", "#c07a4b", "#77a7b5")


def draw(result: Result, path: Path) -> None:
    """Write the picture: a row for each model, speed on the left and open-loop p99 on the right."""
    mpl.use("Agg")
    workloads = {key: workload for key, workload in result.workloads.items() if workload.servers}
    figure, axes = plt.subplots(
        len(workloads), 2, figsize=(13, 4.6 * len(workloads)), squeeze=False, width_ratios=[3, 1], layout="constrained"
    )
    colours = _colours(result)
    for (key, workload), (left, right) in zip(workloads.items(), axes, strict=True):
        _speed(left, key, workload, colours)
        _latency(right, workload, colours)
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    machine = result.occasion.machine.partition(";")[0]
    figure.suptitle(
        f"{result.ours} {result.occasion.commit.partition(',')[0]} and its peers, {result.occasion.date}, {machine}; "
        f"medians of {result.rounds} rounds of {result.seconds:g} s, bars from least to most",
        fontsize=10,
    )
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _speed(axis: Axes, key: str, workload: WorkloadResult, colours: dict[str, str]) -> None:
    connections = list(next(iter(workload.servers.values())).closed)
    width = 0.84 / len(workload.servers)
    highest = 0.0
    for place, (name, showing) in enumerate(workload.servers.items()):
        at = [column + (place - (len(workload.servers) - 1) / 2) * width for column in range(len(connections))]
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
    axis.set_title(f"{key}, {workload.about}: {'-'.join(map(str, workload.sizes))}", loc="left", fontsize=10)
    axis.spines[["top", "right"]].set_visible(False)


def _limits(axis: Axes, connections: list[str], workload: WorkloadResult, most: float) -> None:
    """What torch alone does, where that is within sight of the servers."""
    limits = {each: statistics.median(workload.raw[each]) for each in connections if each in workload.raw}
    for column, each in enumerate(connections):
        if each in limits and limits[each] < most:
            axis.hlines(limits[each], column - 0.46, column + 0.46, colors="black", linestyles="dashed", lw=1)
            axis.annotate("torch alone", (column + 0.46, limits[each]), fontsize=6.5, va="bottom", ha="right")


def _latency(axis: Axes, workload: WorkloadResult, colours: dict[str, str]) -> None:
    names = [name for name, showing in workload.servers.items() if showing.open]
    found = [open_p99(workload.servers[name]) for name in names]
    finite = [value for value in found if value < float("inf")]
    most = max(finite, default=1.0)
    for place, (name, value) in enumerate(zip(names, found, strict=True)):
        reached = value < float("inf")
        axis.barh(place, value if reached else most, color=colours[name], alpha=1.0 if reached else 0.25)
        text = f" {value:.1f} ms" if reached else " cannot keep up"
        axis.annotate(text, (value if reached else most, place), va="center", fontsize=8)
    axis.set_yticks(range(len(names)), names)
    axis.invert_yaxis()
    axis.margins(x=0.45)
    axis.set_xlabel("ms")
    axis.set_title(f"p99 at {workload.open_rate:g} requests/s offered", loc="left", fontsize=10)
    axis.spines[["top", "right"]].set_visible(False)


def _colours(result: Result) -> dict[str, str]:
    names = list(dict.fromkeys(name for workload in result.workloads.values() for name in workload.servers))
    others = iter(_OTHERS * 2)
    return {name: _OURS if name == result.ours else next(others) for name in names}
