"""What only time and force bring to light: churn, overload, liveness and hostile clients against a real server.

Run by `python -m benchmarks.soak --minutes 5 --transcript benchmarks/results/soak.md`. Exits with 1 unless every line
that must be shown holds.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.churn import run_churn
from benchmarks.findings import Findings
from benchmarks.hostile import run_hostile
from benchmarks.hostile_clients import KINDS
from benchmarks.liveness import run_liveness
from benchmarks.overload import run_overload
from benchmarks.report import run_and_tell

_OVERLOAD_SECONDS = 20.0
_LIVENESS_SECONDS = 15.0


def main() -> int:
    """Run the scenarios that are asked for; the exit code."""
    options = _options()
    scenarios: dict[str, Callable[[], Findings]] = {
        "churn": lambda: run_churn(options.minutes * 60, options.seed),
        "overload": lambda: run_overload(_OVERLOAD_SECONDS),
        "liveness": lambda: run_liveness(_LIVENESS_SECONDS),
        "hostile": lambda: run_hostile(options.hostile_seconds, options.hostile_kind or KINDS),
    }
    command = f"python -m benchmarks.soak --minutes {options.minutes:g} --hostile-seconds {options.hostile_seconds:g}"
    command += "".join(f" --hostile-kind '{kind}'" for kind in options.hostile_kind or ())
    return run_and_tell("Soak", command, [scenarios[name] for name in options.only or scenarios], options.transcript)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="how long the churn lasts")
    parser.add_argument("--transcript", type=Path, help="write what was found into this file, as Markdown")
    parser.add_argument(
        "--hostile-seconds", type=float, default=60.0, help="how long each kind of hostile client stays"
    )
    parser.add_argument("--hostile-kind", action="append", choices=list(KINDS), help="not all kinds of hostile clients")
    scenarios = ["churn", "overload", "liveness", "hostile"]
    parser.add_argument("--only", action="append", choices=scenarios, help="not all scenarios")
    parser.add_argument("--seed", type=int, default=6, help="of what the clients of the churn send")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
