"""The promises that a verdict is to keep: how sure it has to be, and which differences are too small to matter."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf


@dataclass(frozen=True, slots=True)
class Rules:
    """The promises of a verdict.

    `alpha` bounds the probability that a canary no worse than stable is ever called worse, over all tests together.
    `margin` is too small to matter: a canary that is this much slower, or fails this much more often, is not worse
    (0.1 is 10 %). `effect` and `failures` must not be overlooked: a step passes once a canary that is `effect` slower,
    or fails in `failures` more of all requests, would have been found with probability `power`. `guards` are the names
    of the user's own tests.

    Raises:
        ValueError: a number with which no verdict can be given; its message says which are possible.
    """

    alpha: float = 0.05
    margin: float = 0.1
    effect: float = 0.5
    failures: float = 0.02
    power: float = 0.8
    guards: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, possible, between in (
            ("alpha", 0 < self.alpha < 1, "above 0 and below 1, such as 0.05"),
            ("margin", 0 <= self.margin < inf, "of 0 or more, such as 0.1"),
            ("effect", self.margin < self.effect < inf, f"above the margin, {self.margin:g}, such as 0.5"),
            ("failures", 0 < self.failures < 1, "above 0 and below 1, such as 0.02"),
            ("power", 0 < self.power < 1, "above 0 and below 1, such as 0.8"),
        ):
            if not possible:
                raise ValueError(f"{name} is {getattr(self, name):g}; give a number {between}")

    def between_pods(self) -> Rules:
        """The rules where connections, and not requests, are split: pods differ, so twice as much does not matter."""
        return replace(self, margin=2 * self.margin, effect=max(self.effect, 3 * self.margin))
