"""The service and its peers side by side, on one machine and in one run.

Run by `make bench`, or `python -m benchmarks.bench --quick`; needs wrk (apt install wrk). Servers are proven right
before they are measured, and take turns in every round. A result is a new file under benchmarks/results, with a picture
of the same name. Runs of parts, with --cells and --parts, are put together by `python -m benchmarks.bench.page`.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from benchmarks.bench import tunings
from benchmarks.bench.arrivals import LOADGEN, LOADGEN_REQUIREMENTS
from benchmarks.bench.choices import QUICK_CELLS, cells, listed, parts, quick_or
from benchmarks.bench.compare import RESULTS
from benchmarks.bench.contest import CLOSED, FAILURES, PARTS, SCENARIO, Contest, Plan
from benchmarks.bench.contestant import Contestant
from benchmarks.bench.contestants import CONTESTANTS, OURS, before, tuned
from benchmarks.bench.environments import (
    Unavailable,
    mebibytes_of_ours,
    own_mebibytes,
    plain_reason,
    prepared,
    versions,
)
from benchmarks.bench.interruption import end_on_signals
from benchmarks.bench.preflight import obstacles, require_of_machine
from benchmarks.bench.results import Result, WorkloadResult, save
from benchmarks.bench.tables import demand_grid, grids, table_of
from benchmarks.bench.tuned_heavy import make_tuned_heavy
from benchmarks.bench.wires import JSON
from benchmarks.bench.workloads import HEAVY, WORKLOADS, make_models
from benchmarks.report import console, this_occasion

_INTERRUPTED = 130
_START_SECONDS = 8.0
"""About what a server takes from its start to a proven answer."""


def main() -> int:
    """Measure, show, write down; the exit code."""
    options = _options()
    shown = console()
    end_on_signals()
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


def _chosen(options: argparse.Namespace) -> list[Contestant]:
    ours = CONTESTANTS[OURS]
    if options.workers:
        ours = replace(ours, settings={"PLIMSOLL_WORKERS": str(options.workers)}, tuned=f"--workers {options.workers}")
    others = quick_or(options.servers, [name for name in CONTESTANTS if name != OURS], quick=options.quick)
    chosen = [ours, *(CONTESTANTS[name] for name in others if name != OURS)]
    chosen += [before(options.before.resolve())] if options.before else []
    return [*chosen, tuned()] if options.tuned else chosen


def _measured(contestants: list[Contestant], options: argparse.Namespace, shown: Console) -> Result:
    result = Result(this_occasion(), _command(options), options.rounds, options.seconds, OURS)
    able, left_out = _installed(contestants, result, shown)
    loadgen = SCENARIO in options.parts and _loadgen(shown)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TextColumn("left"))
    with Progress(*columns, TimeRemainingColumn(), console=shown) as progress:
        task = progress.add_task("", total=None)
        tell, advance = partial(_describe, progress, task), partial(progress.advance, task)
        plans = {
            key: Plan(options.rounds, options.seconds, connections, tell, advance, _parts(key, options), loadgen)
            for key, connections in options.cells.items()
        }
        servers = {key: [each for each in able if each.takes_part(WORKLOADS[key])] for key in plans}
        totals = (plan.total_seconds(len(servers[key])) for key, plan in plans.items())
        progress.update(task, total=sum(totals) + _START_SECONDS * sum(map(len, servers.values())))
        for key, plan in plans.items():
            try:
                make_models(WORKLOADS[key])
                if options.tuned and WORKLOADS[key] is HEAVY:
                    tell("tuning the heavy model")
                    make_tuned_heavy()
                found = _contest(key, plan, servers[key]).result
            except FAILURES as error:  # MiniLM cannot be had, or the service itself fails: hours of others are kept
                shown.print(f"{key} is left out: {error}", style="red", highlight=False, markup=False)
                found = WorkloadResult(WORKLOADS[key].about, [], left_out={"all": plain_reason(str(error))})
            found.left_out |= left_out
            result.workloads[key] = found
    return result


def _parts(key: str, options: argparse.Namespace) -> tuple[str, ...]:
    """Random arrivals are of rows in JSON alone; each of their parts takes as long as a closed loop."""
    return tuple(part for part in options.parts if part == CLOSED or WORKLOADS[key].wire == JSON)


def _describe(progress: Progress, task: object, line: str) -> None:
    progress.update(task, description=line)  # type: ignore[arg-type]  # rich's own id of a task


def _contest(key: str, plan: Plan, contestants: list[Contestant]) -> Contest:
    workload, document = WORKLOADS[key], tunings.read()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, contextlib.ExitStack() as stack:
        started = time.monotonic()
        contest = Contest(workload, plan, OURS, Path(folder))
        for contestant in contestants:
            swept = tunings.chosen(document, key, contestant.name)
            contest.start(contestant, stack, swept or tunings.DEFAULT)
            if contestant.launch is not None and contestant.batches:
                contest.result.tuned[contestant.name] = tunings.words(swept)
            plan.advance(_START_SECONDS)
        contest.measure()
        contest.result.took_seconds = round(time.monotonic() - started, 1)
    return contest


def _loadgen(shown: Console) -> bool:
    """Whether MLPerf's LoadGen can be had; without it our own generator makes the arrivals."""
    try:
        prepared(LOADGEN, LOADGEN_REQUIREMENTS, shown.print)
    except Unavailable as error:
        shown.print(f"LoadGen is not used: {error}; our own generator makes the arrivals", style="yellow")
        return False
    return True


def _installed(
    contestants: list[Contestant], result: Result, shown: Console
) -> tuple[list[Contestant], dict[str, str]]:
    """Those who can take part, and why the others cannot."""
    able, left_out = [], {}
    for contestant in contestants:
        name, ours = contestant.name, contestant.launch is None
        try:
            require_of_machine(contestant)
            python = Path(sys.executable) if ours else prepared(name, contestant.requirements, shown.print)
            own = contestant.requirements or ("uvicorn", "uvloop", "httptools", "onnxruntime")
            result.versions[name] = versions(python, own)
            result.tuned[name] = contestant.tuned
            result.environment_mib[name] = mebibytes_of_ours() if ours else own_mebibytes(name)
            able.append(contestant)
        except Unavailable as error:
            left_out[name] = str(error)
            shown.print(f"{name} is left out: {error}", style="yellow", highlight=False)
    return able, left_out


def _command(options: argparse.Namespace) -> str:
    """The run in words, without where it writes: a result names no path of the machine."""
    command = ["python -m benchmarks.bench"]
    command += [f"--servers {','.join(options.servers)}"] if options.servers is not None else []
    command += ["--quick"] if options.quick else []
    command += [f"--workers {options.workers}"] if options.workers else []
    command += ["--before ANOTHER_CHECKOUT"] if options.before else []
    command += ["--tuned"] if options.tuned else []
    if not options.quick:
        usual = {key: workload.connections for key, workload in WORKLOADS.items()}
        named = (
            ":".join([key, *map(str, found if found != usual[key] else ())]) for key, found in options.cells.items()
        )
        command += [f"--cells {','.join(named)}"] if options.cells != usual else []
        command += [f"--parts {','.join(options.parts)}"] if options.parts != PARTS else []
    return " ".join([*command, f"--rounds {options.rounds}", f"--seconds {options.seconds:g}"])


def _told(result: Result, options: argparse.Namespace, shown: Console) -> int:
    path = save(result, options.out, f"bench-{datetime.now(UTC):%Y-%m-%d-%H%M}")  # first: it took hours
    for grid in (*grids(result), demand_grid(result)):
        shown.print(grid.title, style="bold", highlight=False)
        shown.print(table_of(grid))
    from benchmarks.bench.page import write  # noqa: PLC0415  # half a second that only a finished run needs
    from benchmarks.bench.plot import draw  # noqa: PLC0415  # likewise

    draw(result, path.with_suffix(".png"))
    shown.print(f"written: {path.name} and {path.with_suffix('.png').name} in {options.out.name}")
    if options.transcript is not None:
        write(result, options.transcript)
    ours = [workload.servers.get(OURS) for workload in result.workloads.values()]
    cells_ = [cell for showing in ours if showing is not None for rounds in showing.closed.values() for cell in rounds]
    return 1 if None in ours or any(cell.failures for cell in cells_) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench", description=__doc__)
    others = [name for name in CONTESTANTS if name != OURS]
    parser.add_argument(
        "--servers", type=partial(listed, known=others, what="server"), metavar="NAME,…", help=f"of {', '.join(others)}"
    )
    parser.add_argument(
        "--cells", type=cells, metavar="A,B:8:64", help="workloads and their connections, instead of all"
    )
    parser.add_argument("--parts", type=parts, metavar="PART,…", help=f"of {', '.join(PARTS)}, instead of all")
    parser.add_argument("--quick", action="store_true", help="ours and two peers, two to three minutes")
    parser.add_argument("--rounds", type=int, help="how often each is measured (5; quick: 3)")
    parser.add_argument("--seconds", type=float, help="how long a measurement is, whole ones (10; quick: 2)")
    parser.add_argument("--workers", type=int, help="workers of the service, whatever the model")
    parser.add_argument("--before", type=Path, metavar="CHECKOUT", help="compare with the service of this folder, too")
    parser.add_argument("--tuned", action="store_true", help="serve the heavy model tuned, too; it is made once")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the result and its picture")
    parser.add_argument("--transcript", type=Path, help="write the page into this file too, as Markdown")
    options = parser.parse_args()
    options.rounds = options.rounds or (3 if options.quick else 5)
    options.seconds = options.seconds or (2.0 if options.quick else 10.0)
    options.parts = options.parts or ((CLOSED,) if options.quick else PARTS)
    usual = QUICK_CELLS if options.quick else {key: workload.connections for key, workload in WORKLOADS.items()}
    options.cells = options.cells or dict(usual)
    return options


if __name__ == "__main__":
    sys.exit(main())
