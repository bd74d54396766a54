"""The course of a load that pods follow: its parts, and what two autoscalers saw and wanted in each."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import matplotlib.pyplot as plt

TARGET_IN_FLIGHT = 11.2
"""Of each pod: 70 % of a concurrency of 16."""


class Part(NamedTuple):
    """What happens for a while: requests per second, for so many seconds, one after the other."""

    name: str
    steps: tuple[tuple[float, float], ...]

    @property
    def seconds(self) -> float:
        return sum(seconds for _, seconds in self.steps)


STEADY = Part("steady, 120 requests/s", ((120, 360),))
BURSTS = Part("bursts of 20 s, 250 requests/s", ((250, 20), (20, 70)) * 3)
STEP = Part("step, 250 requests/s", ((250, 330),))
PARTS = (Part("idle", ((0, 30),)), STEADY, Part("rest", ((5, 210),)), BURSTS, STEP, Part("end", ((5, 120),)))
SETTLES_SECONDS = 180
"""From the begin of a part until a signal is steady: pods have come, and have been there for a minute."""
AGREED_SECONDS = SETTLES_SECONDS + 75
"""From the begin of a part until the pods that are wanted follow the steady signal: one minute later than it."""


def begin_of(part: Part) -> float:
    """Seconds from the start of the course."""
    return sum(each.seconds for each in PARTS[: PARTS.index(part)])


class Wish(NamedTuple):
    """The pods that an autoscaler wanted at a moment, in seconds from the start."""

    at: float
    pods: int


@dataclass(frozen=True)
class Sight:
    """What one autoscaler went by and wanted, over the course."""

    title: str
    signal: list[tuple[float, float]]
    wishes: list[Wish]

    def most_wanted(self, part: Part, after_seconds: float = 0) -> int:
        """The most pods that it wanted in a part, or in what is left of it after a while."""
        begins = begin_of(part)
        return max(wish.pods for wish in self.wishes if begins + after_seconds <= wish.at < begins + part.seconds)

    def most_in_flight(self, part: Part) -> float:
        """The highest value of its signal in a part."""
        begins = begin_of(part)
        return max(value for at, value in self.signal if begins <= at < begins + part.seconds)

    def mean_and_deviation(self, part: Part) -> tuple[float, float]:
        """Of its signal in a part, once that is steady."""
        begins = begin_of(part)
        values = [value for at, value in self.signal if begins + SETTLES_SECONDS <= at < begins + part.seconds]
        return statistics.fmean(values), statistics.stdev(values)


def pods_for(in_flight: float) -> int:
    """How many are needed for so many requests in flight, on average."""
    return max(1, math.ceil(in_flight / TARGET_IN_FLIGHT))


def draw(sights: list[Sight], path: Path) -> None:
    """Write the picture: signals above, wanted pods below."""
    mpl.use("Agg")
    figure, (above, below) = plt.subplots(2, 1, figsize=(12, 6.5), sharex=True, layout="constrained")
    for sight, colour in zip(sights, ("#0b5fa5", "#c07a4b"), strict=True):
        above.plot(*zip(*sight.signal, strict=True), color=colour, label=sight.title, lw=1.4)
        below.step(*zip(*sight.wishes, strict=True), where="post", color=colour, label=sight.title, lw=1.6)
    for part in PARTS:
        begins = begin_of(part)
        for axis in (above, below):
            axis.axvline(begins, color="#bbbbbb", lw=0.8)
        above.annotate(part.name, (begins + 4, 1.01), xycoords=("data", "axes fraction"), fontsize=8)
    above.set_ylabel("requests in flight, as recorded")
    below.set_ylabel("pods wanted")
    below.set_xlabel("seconds")
    below.set_yticks(range(1 + max(wish.pods for sight in sights for wish in sight.wishes)))
    above.legend(frameon=False, loc="upper left")
    for axis in (above, below):
        axis.set_ylim(bottom=0)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)
    plt.close(figure)
