"""Requests that come at random times: the most that a server answers in time, and what becomes of too many."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.bench.environments import interpreter
from benchmarks.bench.rate_search import TRIALS, greatest_rate
from benchmarks.bench.results import Offered, Scenario
from benchmarks.client import Address
from benchmarks.open_loop import Outcome
from benchmarks.server import REPOSITORY

LOADGEN = "mlcommons-loadgen"
LOADGEN_REQUIREMENTS = ("mlcommons-loadgen==6.0.17", "uvloop==0.23.0")
OWN_GENERATOR = "benchmarks.bench.random_arrivals"
TIMES_PEAK = (0.2, 0.5, 0.8, 1.0, 1.5, 2.0, 3.0)
_CONNECTIONS = 512
_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Target:
    """A running server, and the file that holds a whole request."""

    address: Address
    request: Path

    def offered(self, rate: float, seconds: float) -> Outcome:
        """Offer a rate with our own generator."""
        return self._outcome([sys.executable, "-m", OWN_GENERATOR], rate, seconds, [_CONNECTIONS])

    def by_loadgen(self, rate: float, seconds: float, objective_ms: float) -> Outcome:
        """Offer a rate with MLPerf's LoadGen, which has an environment of its own."""
        command = [str(interpreter(LOADGEN)), "-m", "benchmarks.bench.loadgen_client"]
        return self._outcome(command, rate, seconds, [objective_ms, _CONNECTIONS])

    def _outcome(self, command: list[str], rate: float, seconds: float, more: list[float]) -> Outcome:
        arguments = [*self.address, self.request, rate, seconds, *more]
        return Outcome(**json_of([*command, *map(str, arguments)], seconds + _PATIENCE_SECONDS))


def scenario(
    target: Target, peak: float, seconds: float, objective_ms: float, *, loadgen: bool, trials: int = TRIALS
) -> Scenario:
    """Search the greatest rate at which p99 meets the objective and no request fails."""
    met: dict[float, float] = {}

    def meets(rate: float) -> bool:
        try:
            found = target.by_loadgen(rate, seconds, objective_ms) if loadgen else target.offered(rate, seconds)
        except subprocess.TimeoutExpired:
            return False
        good = not found.failures and not found.unanswered and found.p99_ms is not None and found.p99_ms <= objective_ms
        if good:
            assert found.p99_ms is not None  # noqa: S101  # as just asked
            met[rate] = found.p99_ms
        return good

    rate = greatest_rate(meets, peak, trials)
    return Scenario(round(rate, 1), met.get(rate), trials, LOADGEN if loadgen else OWN_GENERATOR)


def overload(target: Target, peak: float, seconds: float, advance: Callable[[float], None]) -> list[Offered]:
    """Offer multiples of the peak, the least first."""
    points = []
    for times in TIMES_PEAK:
        rate = round(times * peak, 1)
        points.append(Offered(times, rate, seconds, target.offered(rate, seconds)))
        advance(seconds)
    return points


def json_of(command: list[str], timeout: float = 600.0) -> dict[str, Any]:
    """The last line that a program of ours prints, as JSON.

    Raises:
        subprocess.SubprocessError: it failed, or was not done in time.
    """
    done = subprocess.run(  # noqa: S603  # our own command
        command, cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=timeout
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))
