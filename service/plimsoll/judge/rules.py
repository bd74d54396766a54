"""What a verdict is asked for: how sure it has to be, and what is too small to matter."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rules:
    """The promises of a verdict.

    `alpha` bounds the probability that a canary no worse than stable is ever called worse, over all tests together.
    `margin` is what does not matter: a canary that is this much slower, or fails this much more often, is not worse
    (0.1 is 10 %). `effect` is what must not be overlooked: a step passes once a canary that is this much slower would
    have been found with probability `power`. `guards` are the names of the user's own tests.
    """

    alpha: float = 0.05
    margin: float = 0.1
    effect: float = 0.5
    power: float = 0.8
    guards: tuple[str, ...] = ()
