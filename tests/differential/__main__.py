"""As many cases as one likes; the smallest one that differs is printed, and ends the run.

Run by `python -m tests.differential --cases 1000000`, or `make differential CASES=1000000`.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from tests.differential.comparison import Difference
from tests.differential.generation import check_cases
from tests.differential.pair import Pair, running_pair

_AT_ONCE = 10_000
"""Cases of one seed: hypothesis remembers all that it has tried, and slows down as they become many."""


def main() -> int:
    """Compare until enough cases have been seen, the time is over or something differs; the exit code."""
    options = _options()
    logging.disable(logging.CRITICAL)  # every answer that is an error has a line in the access log
    console = Console()
    with asyncio.Runner() as runner, tempfile.TemporaryDirectory() as folder:
        stack = AsyncExitStack()
        pair = runner.run(stack.enter_async_context(running_pair(Path(folder))))
        started = time.monotonic()
        try:
            _compare(runner, pair, options, console)
        except Difference as difference:
            console.print(f"\nThey differ.\n{difference}", style="red", markup=False, highlight=False)
            return 1
        except KeyboardInterrupt:
            console.print("interrupted")
            return 130
        finally:
            console.print(_summary(pair, time.monotonic() - started))
            runner.run(stack.aclose())
    return 0


def _compare(runner: asyncio.Runner, pair: Pair, options: argparse.Namespace, console: Console) -> None:
    loop = runner.get_loop()
    enough = time.monotonic() + options.minutes * 60
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("seed {task.fields[seed]}"))
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=options.cases, seed=options.seed)
        for start in range(0, options.cases, _AT_ONCE):
            if time.monotonic() > enough:
                break
            seed = options.seed + start // _AT_ONCE
            count = min(_AT_ONCE, options.cases - start)
            progress.update(task, seed=seed)
            check_cases(lambda case: loop.run_until_complete(pair.check(case)), count, seed)
            progress.advance(task, count)
            if not console.is_terminal and (start // _AT_ONCE) % 10 == 0:
                console.print(f"{start + count} cases of {options.cases}, {enough - time.monotonic():.0f} s at most")


def _summary(pair: Pair, seconds: float) -> Table:
    table = Table("answer", "cases", title=f"{sum(pair.seen.values())} cases in {seconds:.0f} s")
    for answer, cases in sorted(pair.seen.items()):
        table.add_row(answer, str(cases))
    return table


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.differential", description=__doc__)
    parser.add_argument("--cases", type=int, default=1_000_000, help="how many requests")
    parser.add_argument("--minutes", type=float, default=24 * 60.0, help="stop after so long all the same")
    parser.add_argument("--seed", type=int, default=1, help="of the first cases; each further part takes the next one")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
