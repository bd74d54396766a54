"""The answer of the judge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Result = Literal["fail", "pass", "continue", "hold"]
"""fail: worse. pass: would have been found if it were. continue: too early. hold: a person has to decide."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was compared.

    `name` is latency, errors, split, classes, or guard:NAME. `evidence` is the e-value (1 means none), and `threshold`
    the value at which it decides. `worst` names what speaks most, as an edge in seconds or a class, or is empty.
    `canary` and `stable` are the shares that were compared there.
    """

    name: str
    evidence: float
    threshold: float
    worst: str
    canary: float
    stable: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the counts say about the canary, in one word, one sentence and numbers.

    `evidence` is that of all tests that can fail together, to compare with `threshold`, 1 / alpha. `dispersion` is the
    number of requests that count as one, since they come in clusters; 1 or more. `needed` is the number of requests of
    the canary after which the step passes, `None` while it cannot be said. `share` is what the canary got of all.
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
