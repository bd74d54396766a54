"""Whether we have become slower against the peers: `python -m benchmarks.bench.compare`.

Compares the newest result that is not committed with the newest that is, by what each says of its own run: the ratio of
our speed to a peer's. How fast the machine was that day falls out. Exits with 1 where a ratio has fallen beyond the
spread of both runs.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from benchmarks.bench.results import Result, load
from benchmarks.bench.standing import Spread, ratios
from benchmarks.report import console
from benchmarks.server import REPOSITORY

RESULTS = REPOSITORY / "benchmarks" / "results"
PATTERN = "bench-*.json"
_LEAST = 0.05
"""How much of a ratio has to be lost at least to be a regression."""
_REGRESSED, _NOTHING = 1, 2


@dataclass(frozen=True, slots=True)
class Change:
    """One ratio in two runs."""

    workload: str
    connections: str
    peer: str
    before: Spread
    now: Spread

    @property
    def regressed(self) -> bool:
        """Whether even the best round is worse than the worst of before, and the median by more than a little."""
        return self.now.high < self.before.low and self.now.median < self.before.median * (1 - _LEAST)


def changes(before: Result, now: Result) -> Iterator[Change]:
    """Every ratio that both runs have."""
    for workload, result in now.workloads.items():
        if workload not in before.workloads:
            continue
        known = {
            (connections, peer): ratio for connections, peer, ratio in ratios(before.workloads[workload], before.ours)
        }
        for connections, peer, ratio in ratios(result, now.ours):
            if (connections, peer) in known:
                yield Change(workload, connections, peer, known[connections, peer], ratio)


def split(found: Sequence[Path], committed: Sequence[Path]) -> tuple[Path | None, Path | None]:
    """The newest committed result and the newest that is not; their names sort by time."""
    fresh = sorted(set(found) - set(committed), key=lambda path: path.name)
    return max(committed, key=lambda path: path.name, default=None), fresh[-1] if fresh else None


def main() -> int:
    """Compare, show; the exit code."""
    options = _options()
    shown = console()
    before, now = split(sorted(RESULTS.glob(PATTERN)), _committed())
    before, now = options.before or before, options.now or now
    if before is None or now is None:
        missing = "committed result" if before is None else "fresh result; run `make bench` first"
        shown.print(f"nothing to compare: there is no {missing}")
        return _NOTHING
    found = list(changes(load(before), load(now)))
    shown.print(_table(found, f"{now.name} against {before.name}: ours / peer, median (least to most)"))
    regressed = [change for change in found if change.regressed]
    shown.print(f"{len(regressed)} of {len(found)} ratios have fallen beyond the spread")
    if not found:
        return _NOTHING
    return _REGRESSED if regressed else 0


def _committed() -> list[Path]:
    """Results that the last commit holds, unchanged since."""
    listed = subprocess.run(  # noqa: S603  # a fixed program, fixed arguments
        ["git", "ls-files", "--", str(RESULTS / PATTERN)],  # noqa: S607  # wherever git is
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    return [REPOSITORY / line for line in listed.stdout.splitlines()]


def _table(found: Sequence[Change], title: str) -> Table:
    table = Table("model", "connections", "peer", "before", "now", "", title=title, title_justify="left")
    for change in found:
        verdict = "[red]fallen" if change.regressed else "[green]holds"
        table.add_row(change.workload, change.connections, change.peer, str(change.before), str(change.now), verdict)
    return table


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench.compare", description=__doc__)
    parser.add_argument("--before", type=Path, help="a result file, instead of the newest committed one")
    parser.add_argument("--now", type=Path, help="a result file, instead of the newest that is not committed")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
