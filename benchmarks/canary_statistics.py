"""The promises of the canary's judge, by simulation: false alarms, what is found, and how long it takes.

Run by `python -m benchmarks.canary_statistics`; it takes some minutes, draws `benchmarks/results/canary-statistics.png`
and writes the tables next to it. All seeds are fixed. `--share 0.05` simulates only a part of the rollouts and writes
nothing.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from plimsoll.judge.checks import SPLIT_ALPHA
from plimsoll.judge.evidence import Counts
from plimsoll.judge.forecast import Expected, forecast
from plimsoll.judge.judgement import judge
from plimsoll.judge.rules import Rules

from benchmarks.canary_pictures import RESULTS, draw
from benchmarks.canary_simulation import (
    EDGES,
    RAMP,
    SECONDS,
    Canary,
    Looks,
    Scenario,
    intervals_of,
    look,
    shares_of_buckets,
    simulate,
)

RATES = (2, 20)
LONG = ((0.1, 240),)
_CHUNK = 100
_MARGIN = Rules()
_NO_MARGIN = Rules(margin=0.0)
_CAUTIOUS = Rules(failures=0.5)
"""A forecast about slowness alone."""

SAME: tuple[tuple[str, dict[str, Any]], ...] = (
    ("weight 10 %", {}),
    ("weights 5, 25, 50 %, 10 minutes each", {"weights": RAMP}),
    ("by connection: 60 connections, speeds differ by 20 %", {"connections": 60, "weights": ((0.25, 120),)}),
    (
        "by connection: 20 connections, speeds differ by 30 %",
        {"connections": 20, "connection_spread": 0.3, "weights": ((0.25, 120),)},
    ),
    ("each pod is half as fast in 5 % of the intervals", {"slow_moments": True}),
    (
        "each pod fails all requests of a second, once an hour",
        {"incidents": True, "stable_failed": 0.0, "canary": Canary(failed=0.0), "weights": ((0.05, 120),)},
    ),
    ("lost scrapes and a restart, weights 5, 25, 50 %", {"weights": RAMP, "losses": True}),
)
WORSE = (
    ("10 % slower", Canary(speed=1.1), 0.005),
    ("20 % slower", Canary(speed=1.2), 0.005),
    ("30 % slower", Canary(speed=1.3), 0.005),
    ("50 % slower", Canary(speed=1.5), 0.005),
    ("3 % of requests 8 times slower", Canary(tail=0.03), 0.005),
    ("errors 0.5 to 1 %", Canary(failed=0.01), 0.005),
    ("errors 0.5 to 2 %", Canary(failed=0.02), 0.005),
    ("errors 1 to 2 %", Canary(failed=0.02), 0.01),
    ("errors 0 to 2 %", Canary(failed=0.02), 0.0),
)
OFF = (("none: 10 % of requests", 1.0), ("13 %", 1.3), ("20 %", 2.0), ("5 %", 0.5))


@dataclass(frozen=True, slots=True)
class Found:
    """The look at which each rollout was decided, in minutes; infinite where it never was."""

    minutes: Counts

    @property
    def rate(self) -> float:
        """The share of rollouts that were decided."""
        return float(np.isfinite(self.minutes).mean())

    def quantile(self, share: float) -> float:
        """The minutes after which this share of all rollouts was decided; infinite if fewer ever were."""
        return float(np.quantile(self.minutes, share, method="inverted_cdf"))

    def __str__(self) -> str:
        if not self.rate:
            return "0 %"
        minutes = [f"{each:.1f}" if each < np.inf else "-" for each in (self.quantile(0.5), self.quantile(0.9))]
        return f"{self.rate:.1%}: {minutes[0]} / {minutes[1]}".replace("%", " %")


def first(logs: Counts, alpha: float) -> Found:
    """When evidence first reached 1 / alpha, of log evidence of shape [rollouts, intervals]."""
    reached: NDArray[np.bool_] = logs >= -np.log(alpha)
    return Found(np.where(reached.any(axis=-1), (reached.argmax(axis=-1) + 1) * SECONDS / 60, np.inf))


def looks(scenario: Scenario, rollouts: int, *of_rules: Rules) -> list[Looks]:
    """All looks at so many rollouts, once by each of the rules."""
    random = np.random.default_rng(24)
    parts: list[list[Looks]] = []
    for begun in range(0, rollouts, _CHUNK):
        counted = simulate(scenario, min(_CHUNK, rollouts - begun), random)
        parts.append([look(scenario, counted, rules) for rules in of_rules])
    return [
        Looks(*(np.concatenate([getattr(each, name) for each in part]) for name in ("worse", "split", "classes")))
        for part in zip(*parts, strict=True)
    ]


def false_alarms(rollouts: int) -> Iterator[str]:
    """A/A: a canary like stable, looked at 120 times."""
    yield f"| like stable; {rollouts} rollouts of 30 minutes | requests/s | rolled back | held by split | by classes |"
    yield "|---|---|---|---|---|"
    for name, options in SAME:
        for rate in RATES:
            scenario = Scenario(name, rate, **options)
            (found,) = looks(scenario, rollouts, _MARGIN)
            columns = (first(found.worse, 0.05), first(found.split, SPLIT_ALPHA), first(found.classes, 0.05))
            yield f"| {name} | {rate} | " + " | ".join(f"{each.rate:.1%}".replace("%", " %") for each in columns) + " |"


def detection(rollouts: int) -> Iterator[str]:
    """Canaries that are worse: how many are found, and when."""
    head = [f"{rate} requests/s, margin {margin}" for rate in RATES for margin in ("10 %", "0")]
    head.append("20 requests/s, weights 5, 25, 50 %")
    yield f"| worse by; {rollouts} rollouts of 60 minutes at 10 % | {' | '.join(head)} |"
    yield "|---" * (len(head) + 1) + "|"
    for name, canary, stable_failed in WORSE:
        cells = []
        for rate in RATES:
            scenario = Scenario(name, rate, LONG, canary, stable_failed)
            cells += [str(first(each.worse, 0.05)) for each in looks(scenario, rollouts, _MARGIN, _NO_MARGIN)]
        (ramp,) = looks(Scenario(name, RATES[-1], RAMP, canary, stable_failed), rollouts, _MARGIN)
        yield f"| {name} | {' | '.join([*cells, str(first(ramp.worse, 0.05))])} |"


def holds(rollouts: int) -> Iterator[str]:
    """Faults of the split, and a canary that always answers one class."""
    yield f"| held for; {rollouts} rollouts of 30 minutes at 10 % | 2 requests/s | 20 requests/s |"
    yield "|---|---|---|"
    for name, share in OFF:
        found = [looks(Scenario(name, rate, canary=Canary(share=share)), rollouts, _MARGIN)[0] for rate in RATES]
        yield f"| split: {name} | " + " | ".join(str(first(each.split, SPLIT_ALPHA)) for each in found) + " |"
    found = [looks(Scenario("one", rate, canary=Canary(one_class=True)), rollouts, _MARGIN)[0] for rate in RATES]
    yield (
        "| the canary answers one of 10 classes | "
        + " | ".join(str(first(each.classes, 0.05)) for each in found)
        + " |"
    )


def stable_shares() -> dict[float, float]:
    """The share of stable's answers that are slower than each edge."""
    return dict(zip(EDGES, (1 - np.cumsum(shares_of_buckets(1.0)))[:-1].tolist(), strict=True))


def forecasts(rollouts: int) -> Iterator[str]:
    """The forecast against the minutes after which 80 % were really found, at weights of 10 and 50 %."""
    yield "| slower by | weight | requests/s | forecast, minutes | 80 % found | half found | forecast / 80 % |"
    yield "|---|---|---|---|---|---|---|"
    ratios = []
    for effect, weight, rate in ((e, w, r) for e in (0.2, 0.3, 0.5) for w in (0.1, 0.5) for r in RATES):
        rules = replace(_CAUTIOUS, effect=effect)
        seconds = forecast(Expected(rate, weight, 0.005, stable_shares()), rules).seconds or np.inf
        scenario = Scenario("", rate, ((weight, 240),), Canary(speed=1 + effect))
        found = first(looks(scenario, rollouts, _MARGIN)[0].worse, 0.05)
        actual = found.quantile(rules.power)
        ratio = f"{seconds / 60 / actual:.2f}" if actual < np.inf else "-"
        ratios += [seconds / 60 / actual] if actual < np.inf else []
        minutes = [f"{each:.1f}" if each < np.inf else "over 60" for each in (actual, found.quantile(0.5))]
        row = [f"{effect:.0%}", f"{weight:.0%}", str(rate), f"{seconds / 60:.1f}", *minutes, ratio]
        yield f"| {' | '.join(row)} |".replace("%", " %")
    yield ""
    yield f"Median of forecast / 80 %: {np.median(ratios):.2f}."


def passes(rollouts: int) -> Iterator[str]:
    """Whole rollouts by `judge`, a step after the other, with 20 requests/s."""
    yield f"| {rollouts} rollouts by 5, 25, 50 %, 20 requests/s | promoted | rolled back | held | minutes, median |"
    yield "|---|---|---|---|---|"
    for name, canary in (
        ("like stable", Canary()),
        ("half as many errors, 20 % faster", Canary(speed=1 / 1.2, failed=0.0025)),
        ("50 % slower", Canary(speed=1.5)),
        ("errors 0.5 to 2.5 %", Canary(failed=0.025)),
        ("one class", Canary(one_class=True)),
    ):
        ends = [roll_out(canary, seed) for seed in range(rollouts)]
        results = [result for result, _ in ends]
        minutes = np.median([minutes for _, minutes in ends])
        shares = [f"{results.count(each) / rollouts:.0%}".replace("%", " %") for each in ("pass", "fail", "hold")]
        yield f"| {name} | {' | '.join(shares)} | {minutes:.1f} |"


def roll_out(canary: Canary, seed: int) -> tuple[str, float]:
    """The end of one rollout, and its minutes. A step has an hour."""
    counted, now = [], 0.0
    for step, weight in enumerate((0.05, 0.25, 0.5)):
        scenario = Scenario("", 20, ((weight, 240),), canary)
        coming = intervals_of(scenario, simulate(scenario, 1, np.random.default_rng([seed, step])), 0)
        begun, result = now, "continue"
        for interval in coming:
            counted.append(replace(interval, start_seconds=now, end_seconds=now + SECONDS))
            now += SECONDS
            result = judge(counted, begun, _MARGIN).result
            if result != "continue":
                break
        if result != "pass":
            break
    return result, now / 60


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate, print as it comes, and write the page and the picture."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.canary_statistics", description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="simulate only this part of the rollouts")
    share = parser.parse_args(arguments).share
    begun, lines = time.monotonic(), []
    for section, rollouts in ((false_alarms, 1000), (detection, 200), (holds, 200), (forecasts, 200), (passes, 20)):
        lines.append("")
        sys.stdout.write("\n")
        for line in section(max(2, round(rollouts * share))):
            lines.append(line)
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
    if share == 1:
        (RESULTS / "canary-statistics.md").write_text("\n".join([_INTRODUCTION, *lines, ""]), encoding="utf-8")
        draw()
    sys.stdout.write(f"\n{time.monotonic() - begun:.0f} seconds\n")
    return 0


_INTRODUCTION = """# The promises of the canary's judge, by simulation

Written by `python -m benchmarks.canary_statistics`, with fixed seeds. Durations are lognormal (sigma 0.6, median 60
ms, p95 161 ms), in the buckets of `plimsoll_request_duration_seconds`; stable has three pods, the canary one; 0.5 %
of requests fail unless the table says otherwise. Counters are read each 15 seconds, of each pod at a time of its own,
and every reading is judged: alpha 5 %, margin 10 %. By connection the margin is 20 %, and connections stay with a pod
for the whole rollout. A cell such as `99.5 %: 6.0 / 9.2` says which part of the rollouts was decided, and after how
many minutes half and nine tenths of all were; `-` is "not within the time".

![evidence of simulated rollouts, and the share rolled back by the minute](canary-statistics.png)"""

if __name__ == "__main__":
    sys.exit(main())
