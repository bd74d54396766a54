"""Draws the pictures of docs/ from the committed results; measures nothing. Run by `make pictures`."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.bench.results import Result, load
from benchmarks.bench.standing import speeds, spread

REPOSITORY = Path(__file__).parents[1]
RESULTS = REPOSITORY / "benchmarks" / "results"
CLUSTER_RESULTS = REPOSITORY / "tests" / "e2e" / "results"
PICTURES = REPOSITORY / "docs" / "pictures"
_OURS, _OTHERS = (
    "#0b5fa5",
    ("#8c8c8c", "#b8a13a", "#6f9f6f", "#a8709c", "#c07a4b", "#d06c8b", "#4f8f8b", "#5b9bd5", "#555555"),
)
_IN_JSON = ("A", "B")
_BAD = "#b5452c"
_FAILURES = re.compile(
    r"^\| (?:requests over:? )?(.+?) \| (?:[^|]*; )?"
    r"(\d+) (?:sent|requests)[^|,]*, (?:\d+ to the canary, )?(\d+) failed",
    re.MULTILINE,
)
_STAGE = re.compile(r"^\| profile: (.+?) \| [\d.]+%, (\d+) us \|$", re.MULTILINE)
_COMMIT = re.compile(r"\b([0-9a-f]{7,})(?:, and changes)?[;,] (\d{4}-\d\d-\d\d)\b")
_KUBERNETES = re.compile(r"Kubernetes v[\d.]+\d")
_OCCASION = re.compile(r"^\| (commit|date) \| (.+?) \|$", re.MULTILINE)


def latest_bench() -> Result:
    """The newest committed run of `make bench`."""
    return load(max(RESULTS.glob("bench-*.json")))


def failures(transcript: str) -> dict[str, tuple[int, int]]:
    """The requests sent and failed of each event of an end-to-end transcript, in its order."""
    return {event: (int(sent), int(failed)) for event, sent, failed in _FAILURES.findall(transcript)}


def stages(transcript: str) -> dict[str, int]:
    """The microseconds of CPU of each stage of a request, from a transcript of `benchmarks.hot_path`."""
    return {stage: int(cost) for stage, cost in _STAGE.findall(transcript)}


def draw_throughput(result: Result, path: Path) -> None:
    """Write the requests per second of every server by connections: one panel for each model, asked in JSON."""
    workloads = [workload for key, workload in result.workloads.items() if key in _IN_JSON]
    figure, axes = plt.subplots(1, len(workloads), figsize=(11, 4.2), squeeze=False, layout="constrained")
    for axis, workload in zip(axes[0], workloads, strict=True):
        others = iter(_OTHERS)
        connections = list(next(iter(workload.servers.values())).closed)
        for name, showing in workload.servers.items():
            ours = name == result.ours
            found = [spread(speeds(showing, each)) for each in connections]
            axis.errorbar(
                range(len(connections)),
                [each.median for each in found],
                yerr=[[each.median - each.low for each in found], [each.high - each.median for each in found]],
                label="plain FastAPI route" if name == "plain" else name,
                color=_OURS if ours else next(others),
                lw=2.5 if ours else 1.3, marker="o", markersize=4, capsize=2, elinewidth=0.8,
            )  # fmt: skip
        axis.set_xticks(range(len(connections)), connections)
        axis.set_xlabel("connections, each with one request in flight")
        axis.set_ylabel("requests per second")
        axis.set_ylim(bottom=0)
        axis.set_title(f"{workload.about} model: {'-'.join(map(str, workload.sizes))}", loc="left", fontsize=10)
        _without_frame(axis)
    figure.legend(*axes[0][-1].get_legend_handles_labels(), loc="outside lower center", ncols=6, frameon=False)
    _caption(
        figure,
        f"commit {result.occasion.commit}, {result.occasion.date}, {result.occasion.machine.partition(';')[0]}, load "
        f"generator included; medians of {result.rounds} rounds of {result.seconds:g} s, bars from least to most",
    )
    _save(figure, path)


def draw_request_cost(transcript: str, path: Path) -> None:
    """Write where the CPU time of one request goes, the largest stage on top."""
    costs = dict(sorted(stages(transcript).items(), key=lambda each: each[1]))
    occasion = dict(_OCCASION.findall(transcript))
    figure, axis = plt.subplots(figsize=(8, 3.2), layout="constrained")
    axis.barh(list(costs), list(costs.values()), color=_OURS)
    for place, cost in enumerate(costs.values()):
        axis.annotate(f" {cost}" if cost else " less than 1", (cost, place), va="center", fontsize=8)
    axis.set_xlabel("µs of CPU per request, small model, 64 connections, one core")
    _without_frame(axis)
    _caption(figure, f"commit {occasion['commit']}, {occasion['date']}; shares of a profile by py-spy")
    _save(figure, path)


def draw_failures(transcript: str, path: Path) -> None:
    """Write the share of requests that failed during each event of an end-to-end run."""
    found = dict(reversed(failures(transcript).items()))
    shares = [100 * failed / sent for sent, failed in found.values()]
    figure, axis = plt.subplots(figsize=(9, 0.28 * len(found) + 1), layout="constrained")
    axis.barh(list(found), shares, color=_BAD)
    for place, ((sent, failed), share) in enumerate(zip(found.values(), shares, strict=True)):
        axis.annotate(f" {failed} of {sent}", (share, place), va="center", fontsize=8)
    axis.set_xlabel("requests that failed, in percent")
    axis.set_xlim(0, max(shares) * 1.2)
    axis.tick_params(axis="y", labelsize=8)
    axis.margins(y=0.02)
    _without_frame(axis)
    commits = dict(_COMMIT.findall(transcript))
    days = sorted(set(commits.values()))
    clusters = sorted(set(_KUBERNETES.findall(transcript)))
    _caption(figure, f"commits {', '.join(commits)}; {' and '.join(days)}; {', '.join(clusters)}, two nodes")
    _save(figure, path)


def _without_frame(axis: Axes) -> None:
    axis.spines[["top", "right"]].set_visible(False)


def _caption(figure: Figure, text: str) -> None:
    figure.suptitle(text, fontsize=8, x=0.01, ha="left")


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    # Without a date or a version of matplotlib inside, the same numbers give the same file.
    figure.savefig(path, dpi=100, metadata={"Software": None})
    plt.close(figure)


def main() -> None:
    """Draw every picture."""
    mpl.use("Agg")
    draw_throughput(latest_bench(), PICTURES / "throughput.png")
    draw_request_cost((RESULTS / "hot-path.md").read_text(encoding="utf-8"), PICTURES / "request-cost.png")
    draw_failures((CLUSTER_RESULTS / "e2e-full.md").read_text(encoding="utf-8"), PICTURES / "failures.png")


if __name__ == "__main__":
    main()
