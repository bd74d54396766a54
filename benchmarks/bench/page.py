"""The page of one run or of several that were made in parts: `python -m benchmarks.bench.page RESULT... --to FILE`.

Of a cell that several results have, the last one counts, for all servers at once, so that a ratio is always taken
within one run. The parts must be of one commit.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.bench.demands import missed
from benchmarks.bench.plot import draw
from benchmarks.bench.results import Result, WorkloadResult, load
from benchmarks.bench.tables import demand_grid, grids, markdown_of

_BUSY_CORES = 0.2
_SHORT_SECONDS, _FEW_ROUNDS = 10, 5
_ABOUT = """\
Servers of one run take turns. The best living peer is the one with the most requests/s in a cell; TorchServe is no
longer maintained and never counts as one. Each peer has 2 workers, like the service, and the best tuning of a sweep
(`python -m benchmarks.bench.sweep`). Before and after it is measured, a server answers each of 64 rows four times, and
one wrong number leaves it out. Ratios are medians of paired rounds (least to most)."""
_ELSEWHERE = """\
Not in this table: exec to ready (`python -m benchmarks.start_and_size`) and scaling on a cluster (tests/e2e). A line
that was not measured needs a run with more cells or parts; the tuned bundle needs `--tuned`, CPU against the commit
before `--before`."""


def merged(results: Sequence[Result]) -> Result:
    """One result of several parts.

    Raises:
        ValueError: they are of different commits.
    """
    first, *others = results
    if commits := sorted({each.occasion.commit for each in results} - {first.occasion.commit}):
        raise ValueError(f"these are parts of different runs, of {first.occasion.commit} and {', '.join(commits)}")
    for other in others:
        first.command += f"; {other.command}"
        first.rounds, first.seconds = min(first.rounds, other.rounds), min(first.seconds, other.seconds)
        first.versions |= other.versions
        first.tuned |= other.tuned
        first.environment_mib |= other.environment_mib
        for key, workload in other.workloads.items():
            if key in first.workloads:
                _merge(first.workloads[key], workload)
            else:
                first.workloads[key] = workload
    return first


def _merge(into: WorkloadResult, more: WorkloadResult) -> None:
    scenarios = any(showing.scenario for showing in more.servers.values())
    overloads = any(showing.overload for showing in more.servers.values())
    for name, showing in into.servers.items():
        for connections in {each for one in more.servers.values() for each in one.closed}:
            showing.closed.pop(connections, None)
        into.servers[name] = replace(
            showing,
            scenario=None if scenarios else showing.scenario,
            overload=[] if overloads else showing.overload,
        )
    for name, showing in more.servers.items():
        mine = into.servers.setdefault(name, showing)
        mine.closed |= showing.closed
        mine.scenario = showing.scenario or mine.scenario
        mine.overload = showing.overload or mine.overload
        mine.peak_mib = max(mine.peak_mib, showing.peak_mib)
    into.raw |= more.raw
    into.raw_onnx |= more.raw_onnx
    into.raw_task |= more.raw_task
    into.left_out |= more.left_out
    into.tuned |= more.tuned
    into.took_seconds += more.took_seconds


def doubts(result: Result) -> list[str]:
    """Why the numbers of a run are not to be published; none where they may be."""
    found = []
    if result.rounds < _FEW_ROUNDS or result.seconds < _SHORT_SECONDS:
        found.append(f"{result.rounds} rounds of {result.seconds:g} s are a short run")
    cells = [
        cell
        for workload in result.workloads.values()
        for showing in workload.servers.values()
        for rounds in showing.closed.values()
        for cell in rounds
    ]
    busy = sum(cell.strangers_cores > _BUSY_CORES for cell in cells)
    if busy:
        found.append(f"in {busy} of {len(cells)} cells other programs took more than {_BUSY_CORES:g} of a core")
    return found


def page(result: Result, picture: str) -> str:
    """The page as Markdown."""
    failed = missed(result)
    verdict = "every measured floor is reached" if not failed else f"{len(failed)} floors are NOT reached"
    occasion = result.occasion
    lines = ["# Side by side", "", f"Made by `{result.command}`.", ""]
    if found := doubts(result):
        lines += [f"**Not for publication:** {'; '.join(found)}.", ""]
    lines += ["| | |", "|---|---|", f"| commit | {occasion.commit} |", f"| date | {occasion.date} |"]
    lines += [f"| machine | {occasion.machine} |", f"| load in the minute before | {occasion.busy} |"]
    lines += [f"| measured | {result.rounds} rounds of {result.seconds:g} s |", f"| result | {verdict} |", ""]
    lines += [f"![Requests per second, and goodput in overload]({picture})", "", _ABOUT, ""]
    lines += [*markdown_of(demand_grid(result)), _ELSEWHERE, "", "## How each server is tuned", ""]
    lines += ["| server | tuned | batch, by model | versions |", "|---|---|---|---|"]
    for name, tuned in result.tuned.items():
        batches = [f"{key}: {each.tuned[name]}" for key, each in result.workloads.items() if name in each.tuned]
        held = ", ".join(f"{what} {number}" for what, number in result.versions.get(name, {}).items())
        lines.append(f"| {name} | {tuned} | {'; '.join(batches)} | {held} |")
    lines += ["", "## What was measured", ""]
    for grid in grids(result):
        lines += markdown_of(grid)
    took = (f"{key} {workload.took_seconds / 60:.0f} min" for key, workload in result.workloads.items())
    lines += [f"It took: {', '.join(took)}."]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Merge, write the page and draw the picture; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench.page", description=__doc__)
    parser.add_argument("results", nargs="+", type=Path, metavar="RESULT", help="a file that the bench has written")
    parser.add_argument("--to", type=Path, required=True, help="the page; the picture gets the same name with .png")
    options = parser.parse_args()
    try:
        result = merged([load(path) for path in options.results])
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    write(result, options.to)
    return 0


def write(result: Result, path: Path) -> None:
    """Write the page, and the picture beside it."""
    picture = path.with_suffix(".png")
    draw(result, picture)
    path.write_text(page(result, picture.name), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
