"""What metrics and tracing cost a request: the same server without them, with metrics, and with unsampled tracing too.

Run by `python -m benchmarks.telemetry_cost --transcript benchmarks/results/telemetry-cost.md`; needs `wrk` (apt install
wrk). The servers take turns, round by round, so that whatever else the machine does falls on all of them, and every
round has new ones: how a process happens to lie in memory makes it some percent faster or slower for all its life.
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
from benchmarks.server import UNSAMPLED_TRACING

_BOUND_PERCENT = 10.0
_WARM_SECONDS = 1.0
_WITHOUT, _METRICS, _BOTH = "neither", "metrics", "metrics, and tracing unsampled"
_VARIANTS: dict[str, tuple[str, dict[str, str]]] = {
    _WITHOUT: ("benchmarks.unobserved", {}),
    _METRICS: ("plimsoll", {}),
    _BOTH: (
        "plimsoll",
        UNSAMPLED_TRACING,
    ),
}


def main() -> int:
    """Measure, show and write down."""
    return run_in_rounds("Cost of telemetry", "telemetry_cost", __doc__ or "", _findings, rounds=12, seconds=4.0)


def _findings(rounds: int, seconds: float) -> Findings:
    findings = Findings(
        "cost of telemetry",
        f"digits 1, a perceptron, on one row of 784 numbers; POST {PATH} over {CONNECTIONS} kept connections; "
        f"{rounds} rounds of {seconds:g} s each, in turn, each with new processes; one core for the server, another "
        "for wrk",
    )
    _judge(findings, _measured(rounds, seconds))
    return findings


def _measured(rounds: int, seconds: float) -> dict[str, list[Round]]:
    measured: dict[str, list[Round]] = {name: [] for name in _VARIANTS}
    for number in range(rounds):
        with contextlib.ExitStack() as stack:
            servers = {name: _started(name, stack) for name in _VARIANTS}
            for pinned in servers.values():
                pinned.load(_WARM_SECONDS)
            for name in in_turn(list(_VARIANTS), number):
                measured[name].append(servers[name].round(seconds))
    return measured


def _started(name: str, stack: contextlib.ExitStack) -> Pinned:
    module, environment = _VARIANTS[name]
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    return Pinned(stack.enter_context(small_server(folder, environment, module)))


def _judge(findings: Findings, measured: dict[str, list[Round]]) -> None:
    every = [each for rounds in measured.values() for each in rounds]
    findings.none(
        "answers that are not 200", sum(each.load.failures for each in every), sum(each.load.requests for each in every)
    )
    for name in (_METRICS, _BOTH):
        # Round by round, so that what the machine did meanwhile falls out.
        ratios = [
            (with_it.cpu_us / without.cpu_us - 1) * 100
            for with_it, without in zip(measured[name], measured[_WITHOUT], strict=True)
        ]
        findings.at_most(f"{name}: more CPU per request", statistics.median(ratios), _BOUND_PERCENT, "%")
        findings.note(f"{name}: more CPU, by rounds", ", ".join(f"{ratio:.1f} %" for ratio in ratios))
    for name, rounds in measured.items():
        costs = [each.cpu_us for each in rounds]
        cost, least, most = statistics.median(costs), min(costs), max(costs)
        findings.note(f"{name}: CPU per request", f"{cost:.0f} us ({least:.0f} to {most:.0f})")


if __name__ == "__main__":
    sys.exit(main())
