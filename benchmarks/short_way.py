"""What the short way saves: the same server with it and without it, which sends every request by ASGI.

Run by `python -m benchmarks.short_way --transcript benchmarks/results/short-way.md`; needs `wrk` (apt install wrk). The
servers take turns, round by round, and every round has new ones, as in `benchmarks.telemetry_cost`.
"""

from __future__ import annotations

import contextlib
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.findings import Findings
from benchmarks.measures import in_turn
from benchmarks.pinned import CONNECTIONS, PATH, Pinned, Round, run_in_rounds, small_server

_WARM_SECONDS = 1.0
_ASGI, _SHORT = "by ASGI", "the short way"
_VARIANTS = {_ASGI: "false", _SHORT: "true"}


def main() -> int:
    """Measure, show and write down."""
    return run_in_rounds("The short way", "short_way", __doc__ or "", _findings, rounds=12, seconds=4.0)


def _findings(rounds: int, seconds: float) -> Findings:
    findings = Findings(
        "the short way",
        f"digits 1, a perceptron, on one row of 784 numbers; POST {PATH} over {CONNECTIONS} kept connections; "
        f"{rounds} rounds of {seconds:g} s each, in turn, each with new processes; one core for the server, another "
        "for wrk",
    )
    measured = _measured(rounds, seconds)
    every = [each.load for rounds_of_one in measured.values() for each in rounds_of_one]
    findings.none(
        "answers that are not 200", sum(load.failures for load in every), sum(load.requests for load in every)
    )
    pairs = zip(measured[_SHORT], measured[_ASGI], strict=True)
    ratios = sorted(short.cpu_us / asgi.cpu_us for short, asgi in pairs)
    findings.at_most("CPU per request, of that by ASGI", 100 * statistics.median(ratios), 100, "%")
    findings.note("the same, by rounds", ", ".join(f"{ratio:.2f}" for ratio in ratios))
    for name, rounds_of_one in measured.items():
        costs = [each.cpu_us for each in rounds_of_one]
        findings.note(
            f"{name}: CPU per request", f"{statistics.median(costs):.0f} us ({min(costs):.0f} to {max(costs):.0f})"
        )
    return findings


def _measured(rounds: int, seconds: float) -> dict[str, list[Round]]:
    measured: dict[str, list[Round]] = {name: [] for name in _VARIANTS}
    for number in range(rounds):
        with contextlib.ExitStack() as stack:
            servers = {name: _started(switch, stack) for name, switch in _VARIANTS.items()}
            for pinned in servers.values():
                pinned.load(_WARM_SECONDS)
            for name in in_turn(list(_VARIANTS), number):
                measured[name].append(servers[name].round(seconds))
    return measured


def _started(switch: str, stack: contextlib.ExitStack) -> Pinned:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    return Pinned(stack.enter_context(small_server(folder, {"PLIMSOLL_SHORT_WAY": switch})))


if __name__ == "__main__":
    sys.exit(main())
