"""Draws the picture of the canary's judge: evidence of simulated rollouts, and the share found by the minute."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from plimsoll.judge.evidence import Counts
from plimsoll.judge.rules import Rules

from benchmarks.canary_simulation import SECONDS, Canary, Scenario, look, simulate

RESULTS = Path(__file__).parent / "results"
_GOOD, _BAD = "#0b5fa5", "#b5452c"
_WORSE = (
    ("50 % slower", Canary(speed=1.5), "#b5452c"),
    ("30 % slower", Canary(speed=1.3), "#c98a2b"),
    ("20 % slower", Canary(speed=1.2), "#8c8c8c"),
    ("3 % of requests 8 times slower", Canary(tail=0.03), "#6f9f6f"),
    ("errors 0.5 to 2 %", Canary(failed=0.02), "#a8709c"),
    ("like stable", Canary(), _GOOD),
)
_ROLLOUTS, _LINES = 200, 60


def draw(path: Path = RESULTS / "canary-statistics.png") -> None:
    """Write the picture."""
    mpl.use("Agg")
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
    minutes = np.arange(1, 121) * SECONDS / 60
    decides = -np.log(Rules().alpha)
    for name, canary, color in _WORSE:
        evidence = _evidence(canary)
        found = np.maximum.accumulate(evidence >= decides, axis=-1)
        right.plot(minutes, 100 * found.mean(axis=0), color=color, label=name, lw=2)
        if name in ("50 % slower", "like stable"):
            left.plot(minutes, np.exp(evidence[:_LINES].T), color=color, lw=0.6, alpha=0.6)
            left.plot([], [], color=color, label=f"{name}, {_LINES} rollouts")
    left.axhline(1 / Rules().alpha, color="black", lw=1, ls="--")
    left.annotate("20: rolled back", (30, 22), ha="right", va="bottom")
    left.set_yscale("log")
    left.set_ylim(0.2, 1e4)
    left.set_xlabel("minutes")
    left.set_title("evidence that the canary is worse", loc="left", fontsize=10)
    left.legend(frameon=False, loc="upper right")
    right.set_xlabel("minutes")
    right.set_title(f"rolled back so far, percent of {_ROLLOUTS} rollouts", loc="left", fontsize=10)
    right.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    _without_frame(left)
    _without_frame(right)
    figure.supxlabel(
        "simulated: 20 requests/s, 10 % to the canary, a look each 15 seconds, margin 10 %, alpha 5 %",
        fontsize=8,
        color="#555555",
    )
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)


def _evidence(canary: Canary) -> Counts:
    scenario = Scenario("", 20, canary=canary)
    counted = simulate(scenario, _ROLLOUTS, np.random.default_rng(24))
    return look(scenario, counted, Rules()).worse


def _without_frame(axis: Axes) -> None:
    axis.spines[["top", "right"]].set_visible(False)
