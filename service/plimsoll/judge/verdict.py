"""The answer of the judge, and the checks that it consists of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Result = Literal["fail", "pass", "continue", "hold"]
"""fail: worse. pass: would have been found if it were. continue: too early. hold: a person has to decide."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was compared.

    `name` is latency, errors, split, bucket, refused, classes, or guard:NAME. `evidence` is the e-value (1 means
    none), and `threshold` the value at which it decides alone. `worst` names what speaks most, as an edge in seconds
    or a class, or is empty. `canary` and `stable` are the shares that were compared there; of a split, the canary's
    share and the one that is set. `dispersion` is the number of trials that count as one.
    """

    name: str
    evidence: float
    threshold: float
    worst: str
    canary: float
    stable: float
    dispersion: float = 1.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer in one word, one sentence and numbers.

    `evidence` is that of all tests that can fail together, to compare with `threshold`, 1 / alpha. The requests, and
    `share`, the canary's part of them, are those of the present step. `needed` is the number of requests of the canary
    after which the step passes, `None` while it cannot be said. `dispersion` is the number of requests that count as
    one in the check that speaks most, since they come in clusters; 1 or more.
    """

    result: Result
    reason: str
    evidence: float
    threshold: float
    checks: tuple[Check, ...]
    canary_requests: float
    stable_requests: float
    share: float | None
    dispersion: float
    needed: float | None
