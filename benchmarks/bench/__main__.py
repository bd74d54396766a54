"""The service and its peers side by side, on one machine and in one run.

Run by `make bench`, or `python -m benchmarks.bench --quick`; needs wrk (apt install wrk). Servers are proven right
before they are measured, and take turns in every round. A result is a new file under benchmarks/results, with a picture
of the same name.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from benchmarks.bench.compare import RESULTS
from benchmarks.bench.contest import Contest, Plan
from benchmarks.bench.contestants import CONTESTANTS, OURS, Contestant
from benchmarks.bench.environments import Unavailable, prepared, versions
from benchmarks.bench.preflight import obstacles, require_of_machine
from benchmarks.bench.results import Result, save
from benchmarks.bench.tables import floors, grids, markdown_of, table_of
from benchmarks.bench.workloads import HEAVY, SMALL, Workload, make_heavy_bundle
from benchmarks.report import console, markdown, table, this_occasion

_QUICK_PEERS = ("plain", "litserve")
_QUICK_CONNECTIONS = {"A": (1, 64), "B": (32,)}
_INTERRUPTED = 130
_START_SECONDS = 8.0
"""About what a server takes from its start to a proven answer."""


def main() -> int:
    """Measure, show, write down; the exit code."""
    options = _options()
    shown = console()
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup leaves it
            signal.signal(number, _leave)
    contestants = _chosen(options)
    if found := obstacles(contestants):
        for each in found:
            shown.print(f"cannot begin: {each}", style="red", highlight=False)
        return 1
    try:
        result = _measured(contestants, options, shown)
    except KeyboardInterrupt as error:
        by = f" by {error}" if str(error) else ""
        shown.print(f"interrupted{by}: every server is stopped, and nothing is written", style="red")
        return _INTERRUPTED
    return _told(result, options, shown)


def _leave(number: int, frame: FrameType | None) -> None:
    """Take a request to end as Ctrl-C, so that servers are stopped."""
    del frame
    raise KeyboardInterrupt(signal.Signals(number).name)


def _chosen(options: argparse.Namespace) -> list[Contestant]:
    ours = CONTESTANTS[OURS]
    if options.workers:
        ours = replace(ours, settings={"PLIMSOLL_WORKERS": str(options.workers)}, tuned=f"--workers {options.workers}")
    names = options.only or (_QUICK_PEERS if options.quick else [name for name in CONTESTANTS if name != OURS])
    return [ours, *(CONTESTANTS[name] for name in dict.fromkeys(names))]


def _measured(contestants: list[Contestant], options: argparse.Namespace, shown: Console) -> Result:
    result = Result(this_occasion(), _command(options), options.rounds, options.seconds, OURS)
    able, left_out = _installed(contestants, result, shown)
    make_heavy_bundle()
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TextColumn("left"))
    with Progress(*columns, TimeRemainingColumn(), console=shown) as progress:
        task = progress.add_task("", total=None)
        plan = Plan(
            options.rounds,
            options.seconds,
            (),
            lambda line: progress.update(task, description=line),
            lambda seconds: progress.advance(task, seconds),
        )
        plans = {workload: replace(plan, connections=_connections(workload, options)) for workload in (SMALL, HEAVY)}
        starts = _START_SECONDS * len(able)
        progress.update(task, total=sum(each.total_seconds(len(able)) + starts for each in plans.values()))
        for workload, each in plans.items():
            with tempfile.TemporaryDirectory(prefix="bench-") as folder, contextlib.ExitStack() as stack:
                started = time.monotonic()
                contest = Contest(workload, each, OURS, Path(folder))
                for contestant in able:
                    contest.start(contestant, stack)
                    progress.advance(task, _START_SECONDS)
                contest.measure()
                contest.result.left_out |= left_out
                contest.result.took_seconds = round(time.monotonic() - started, 1)
                result.workloads[workload.key] = contest.result
    return result


def _installed(
    contestants: list[Contestant], result: Result, shown: Console
) -> tuple[list[Contestant], dict[str, str]]:
    """Those who can take part, and why the others cannot."""
    able, left_out = [], {}
    for contestant in contestants:
        try:
            require_of_machine(contestant)
            python = Path(sys.executable)
            if contestant.name != OURS:
                python = prepared(contestant.name, contestant.requirements, shown.print)
            own = contestant.requirements or ("uvicorn", "uvloop", "httptools")
            result.versions[contestant.name] = versions(python, own)
            result.tuned[contestant.name] = contestant.tuned
            able.append(contestant)
        except Unavailable as error:
            left_out[contestant.name] = str(error)
            shown.print(f"{contestant.name} is left out: {error}", style="yellow", highlight=False)
    return able, left_out


def _command(options: argparse.Namespace) -> str:
    """The run in words, without where it writes: a result names no path of the machine."""
    parts = ["python -m benchmarks.bench", *(f"--only {name}" for name in options.only or ())]
    parts += ["--quick"] if options.quick else []
    parts += [f"--workers {options.workers}"] if options.workers else []
    return " ".join([*parts, f"--rounds {options.rounds}", f"--seconds {options.seconds:g}"])


def _connections(workload: Workload, options: argparse.Namespace) -> tuple[int, ...]:
    return _QUICK_CONNECTIONS[workload.key] if options.quick else workload.connections


def _told(result: Result, options: argparse.Namespace, shown: Console) -> int:
    found = list(grids(result))
    for grid in found:
        shown.print(grid.title, style="bold", highlight=False)
        shown.print(table_of(grid))
    held = floors(result)
    shown.print(table(held))
    path = save(result, options.out, f"bench-{datetime.now(UTC):%Y-%m-%d-%H%M}")
    from benchmarks.bench.plot import draw  # noqa: PLC0415  # half a second that only a finished run needs

    draw(result, path.with_suffix(".png"))
    shown.print(f"written: {path.name} and {path.with_suffix('.png').name} in {options.out.name}")
    if options.transcript is not None:
        lines = [markdown("Side by side", result.occasion, result.command, [held])]
        lines += ["## How each server is tuned", "", "| server | tuned | versions |", "|---|---|---|"]
        for name, tuned in result.tuned.items():
            held_versions = ", ".join(f"{what} {number}" for what, number in result.versions[name].items())
            lines.append(f"| {name} | {tuned} | {held_versions} |")
        lines += ["", "## What was measured", ""]
        for grid in found:
            lines += markdown_of(grid)
        options.transcript.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    ours = [workload.servers[OURS] for workload in result.workloads.values()]
    failures = sum(cell.failures for showing in ours for cells in showing.closed.values() for cell in cells)
    return 1 if failures else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench", description=__doc__)
    peers = [name for name in CONTESTANTS if name != OURS]
    parser.add_argument("--only", action="append", choices=peers, metavar="PEER", help=f"of {', '.join(peers)}")
    parser.add_argument("--quick", action="store_true", help="ours and two peers, two to three minutes")
    parser.add_argument("--rounds", type=int, help="how often each is measured (5; quick: 3)")
    parser.add_argument("--seconds", type=float, help="how long a measurement is, whole ones (5; quick: 2)")
    parser.add_argument("--workers", type=int, help="workers of the service, whatever the model")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the result and its picture")
    parser.add_argument("--transcript", type=Path, help="write the tables into this file too, as Markdown")
    options = parser.parse_args()
    options.rounds = options.rounds or (3 if options.quick else 5)
    options.seconds = options.seconds or (2.0 if options.quick else 5.0)
    return options


if __name__ == "__main__":
    sys.exit(main())
