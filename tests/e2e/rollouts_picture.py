"""The picture of a good and a bad rollout: the weight, and the evidence against the threshold, over time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.ticker import StrMethodFormatter
from plimsoll.judge.counts import Interval
from plimsoll.judge.rules import Rules
from plimsoll.judge.verdict import Verdict

from tests.e2e.rollouts_stream import summed

Judge = Callable[[Sequence[Interval], float, Rules], Verdict]
_CANARY, _STABLE = "#c07a4b", "#0b5fa5"
_LEAST_EVIDENCE = 1e-4
"""Below it the picture ends: that there is none is all that it would show."""


class Look(NamedTuple):
    """What the judge saw at one moment, in minutes from the start. `p95` are canary's and stable's so far, in ms."""

    minute: float
    percent: float
    evidence: float
    threshold: float
    result: str
    p95: tuple[float | None, float | None]


def looks(intervals: Sequence[Interval], rules: Rules, judge: Judge) -> list[Look]:
    """What the judge would have said after each interval, as it does in a rollout: of all intervals until then."""
    found: list[Look] = []
    step_start = 0.0
    for place, latest in enumerate(intervals):
        if place == 0 or latest.weight != intervals[place - 1].weight:
            step_start = latest.start_seconds
        until = intervals[: place + 1]
        verdict = judge(until, step_start, rules)
        found.append(
            Look(
                minute=(latest.end_seconds - intervals[0].start_seconds) / 60,
                percent=100 * (latest.weight or 0.0),
                evidence=verdict.evidence,
                threshold=verdict.threshold,
                result=verdict.result,
                p95=(_p95(until, "canary"), _p95(until, "stable")),
            )
        )
    return found


def minutes_to_failure(seen: Sequence[Look]) -> float | None:
    """When the judge first said that the canary is worse."""
    return next((each.minute for each in seen if each.result == "fail"), None)


def _p95(intervals: Sequence[Interval], track: str) -> float | None:
    pods = [pod for each in intervals for pod in (each.canary if track == "canary" else each.stable)]
    seconds = summed(pods).quantile(0.95)
    return None if seconds is None else 1000 * seconds


def draw(rollouts: dict[str, list[Look]], path: Path) -> None:
    """Write the picture: a column for each rollout by its title; weight, p95 and evidence one below the other."""
    mpl.use("Agg")
    figure, rows = plt.subplots(
        3, len(rollouts), figsize=(6 * len(rollouts), 7.5), sharex="col", sharey="row", layout="constrained",
        squeeze=False, height_ratios=(1, 1, 1.6),
    )  # fmt: skip
    for column, (title, seen) in enumerate(rollouts.items()):
        weight, speed, evidence = (row[column] for row in rows)
        minutes = [0.0, *(each.minute for each in seen)]
        weight.set_title(title, fontsize=11)
        percents = [each.percent for each in seen]
        weight.step(minutes, [percents[0], *percents], where="pre", color=_CANARY, lw=1.8)
        weight.set_ylim(0, 105)
        for place, (name, colour) in enumerate((("canary", _CANARY), ("stable", _STABLE))):
            speed.plot(minutes[1:], [each.p95[place] for each in seen], color=colour, lw=1.6, label=name)
        evidence.axhline(seen[-1].threshold, color="#b00020", lw=1.2, ls="--", label="threshold: roll back")
        shown = [1.0, *(max(each.evidence, _LEAST_EVIDENCE) for each in seen)]
        evidence.plot(minutes, shown, color="#222222", lw=1.6, label="evidence that the canary is worse")
        evidence.set_yscale("log")
        evidence.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        evidence.set_xlim(left=0)
        evidence.set_xlabel("minutes since the canary counts")
    for row, title in zip(rows, ("weight of the canary, %", "p95 so far, ms", "evidence"), strict=True):
        row[0].set_ylabel(title)
        for axis in row:
            axis.spines[["top", "right"]].set_visible(False)
            axis.grid(alpha=0.2)
    rows[1][0].set_ylim(bottom=0)  # once all is drawn: the columns share an axis that no longer grows then
    rows[1][0].legend(frameon=False, loc="lower right")
    rows[2][0].legend(frameon=False, loc="center left", fontsize=9)
    figure.savefig(path, dpi=110)
    plt.close(figure)
