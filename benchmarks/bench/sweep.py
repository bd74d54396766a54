"""Finds the best tuning of each peer on each workload: `python -m benchmarks.bench.sweep`; needs wrk.

A peer is started anew with each batch size and wait that it knows, its answers are checked, and it is asked over few
and over many connections. The one with the highest geometric mean of requests per second is written to
benchmarks/bench/tunings.json, with all that were tried; the bench reads that file.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
from functools import partial
from pathlib import Path

from rich.console import Console

from benchmarks.bench import tunings
from benchmarks.bench.choices import listed
from benchmarks.bench.contest import CLOSED, Contest, Plan
from benchmarks.bench.contestant import Contestant
from benchmarks.bench.contestants import CONTESTANTS
from benchmarks.bench.environments import Unavailable, prepared
from benchmarks.bench.interruption import end_on_signals
from benchmarks.bench.preflight import require_of_machine
from benchmarks.bench.tunings import Trial
from benchmarks.bench.workloads import WORKLOADS, Workload, make_models
from benchmarks.peers.tuning import Tuning
from benchmarks.report import console, this_occasion
from benchmarks.wrk import require_wrk

_NOBODY = ""


def main() -> int:
    """Sweep, show, write down; the exit code."""
    options, shown = _options(), console()
    require_wrk()
    end_on_signals()
    document, occasion = tunings.read(options.to), this_occasion()
    note = f"{occasion.commit}, {occasion.date}, {options.rounds} rounds of {options.seconds:g} s, load {occasion.busy}"
    for key in options.workloads:
        try:
            make_models(WORKLOADS[key])
        except Unavailable as error:
            shown.print(f"{key} is left out: {error}", style="yellow", highlight=False)
            continue
        for name in options.servers:
            contestant = CONTESTANTS[name]
            if not contestant.takes_part(WORKLOADS[key]) or not _able(contestant, shown):
                continue
            trials = []
            for tuning in tunings.grid(contestant.waits):
                trial = _trial(contestant, WORKLOADS[key], tuning, options.rounds, options.seconds)
                trials.append(trial)
                speeds = ", ".join(f"c={each}: {speed:.0f}/s" for each, speed in trial.per_second.items())
                line = f"{key}, {name}: {tunings.words(trial.tuning)}: {speeds or trial.fault}"
                shown.print(line, highlight=False, markup=False)
            tunings.record(document, key, name, trials, note)
            options.to.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")  # after each: hours of work
    return 0


def _able(contestant: Contestant, shown: Console) -> bool:
    try:
        require_of_machine(contestant)
        prepared(contestant.name, contestant.requirements, shown.print)
    except Unavailable as error:
        shown.print(f"{contestant.name} is left out: {error}", style="yellow", highlight=False)
        return False
    return True


def _trial(contestant: Contestant, workload: Workload, tuning: Tuning, rounds: int, seconds: float) -> Trial:
    few_and_many = (workload.connections[0], 64)
    plan = Plan(rounds, seconds, tuple(dict.fromkeys(few_and_many)), lambda _: None, lambda _: None, (CLOSED,))
    with tempfile.TemporaryDirectory(prefix="sweep-") as folder, contextlib.ExitStack() as stack:
        contest = Contest(workload, plan, _NOBODY, Path(folder))
        contest.start(contestant, stack, tuning)
        contest.measure()
    if contestant.name in contest.result.left_out:
        return Trial(tuning, {}, contest.result.left_out[contestant.name])
    return Trial(tuning, contest.result.servers[contestant.name].medians())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench.sweep", description=__doc__)
    swept = [name for name, contestant in CONTESTANTS.items() if contestant.launch is not None and contestant.batches]
    servers, workloads = partial(listed, known=swept, what="server"), partial(listed, known=WORKLOADS, what="workload")
    parser.add_argument("--servers", type=servers, default=swept, metavar="NAME,…", help=f"of {', '.join(swept)}")
    parser.add_argument(
        "--workloads", type=workloads, default=list(WORKLOADS), metavar="KEY,…", help=f"of {', '.join(WORKLOADS)}"
    )
    parser.add_argument("--rounds", type=int, default=3, help="how often each tuning is measured")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long a measurement is, whole ones")
    parser.add_argument("--to", type=Path, default=tunings.FILE, help="the file to write, and to keep other peers of")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
