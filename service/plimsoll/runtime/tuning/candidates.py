"""The candidates of a tuning: forms of one model, and the findings about each."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from plimsoll.bundle.folder import Bundle
from plimsoll.runtime.loaded_model import LoadedModel
from plimsoll.runtime.tuning.evaluation import Comparison
from plimsoll.runtime.tuning.turns import Spread, spread_of

Standing = Literal["present", "comparison", "fit", "refused", "left out"]
"""The place of a candidate in a tuning.

The present bundle; one that is measured for comparison and cannot be kept; one that may be kept; one that has lost too
much of its answers or fails a check; or one that could not be made.
"""


LEAST_SPEED = 1.05
"""A candidate that is hardly faster is not worth another version."""


class Form(NamedTuple):
    """Another form of a model: the field `model` of its manifest, the files of it, and the schema that it needs."""

    model: Mapping[str, Any]
    files: Mapping[str, bytes]
    schema: int


class Maker(NamedTuple):
    """Makes one candidate; `make` raises a `PlimsollError` whose words say why it is left out."""

    name: str
    make: Callable[[], Form]


@dataclass(slots=True)
class Candidate:
    """One candidate and the findings about it.

    `times` are by rows of a batch, and `speeds` how many times as fast it is as the present bundle. `draft` is the
    bundle that has passed every check, in a folder that does not last. A candidate is `rounded` if an answer differs by
    more than the golden tolerance; `golden_difference` is the largest difference of its answers to golden samples.
    """

    name: str
    standing: Standing
    reason: str = ""
    model: LoadedModel | None = None
    draft: Bundle | None = None
    rounded: bool = False
    golden_difference: float = 0.0
    comparison: Comparison | None = None
    times: Mapping[int, Spread] = field(default_factory=dict)
    speeds: Mapping[int, Spread] = field(default_factory=dict)

    @property
    def speed(self) -> float:
        """The geometric mean of the speeds over all measured batches; 0 if it was not measured."""
        if not self.speeds:
            return 0.0
        return math.exp(sum(math.log(each.median) for each in self.speeds.values()) / len(self.speeds))

    def note_turns(self, own: Mapping[int, Sequence[float]], present: Mapping[int, Sequence[float]]) -> None:
        """Fill in times and speeds from the microseconds of every turn; a turn is compared with the present one's."""
        self.times = {rows: spread_of(turns) for rows, turns in own.items()}
        self.speeds = {
            rows: spread_of([before / after for before, after in zip(present[rows], turns, strict=True)])
            for rows, turns in own.items()
        }


def fastest(candidates: Sequence[Candidate]) -> Candidate | None:
    """The fastest of the candidates that may be kept; `None` if none of them is worth another version."""
    fit = [each for each in candidates if each.standing == "fit" and each.speed >= LEAST_SPEED]
    return max(fit, key=lambda each: each.speed, default=None)
