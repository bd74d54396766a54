"""All that a driver works with, and how patient it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from plimsoll.judge.counts import Interval
from plimsoll.judge.rules import Rules
from plimsoll.judge.verdict import Verdict
from plimsoll.rollout.helm import Release
from plimsoll.rollout.history import History
from plimsoll.rollout.kubernetes import Objects
from plimsoll.rollout.lease import DriverLease, Time
from plimsoll.rollout.plan import Stage
from plimsoll.rollout.state import Record, RecordStore

Judge = Callable[[Sequence[Interval], float, Rules], Verdict]
"""The judge: the intervals of the rollout, the start of the present step in seconds, and the rules."""
Refusal = Callable[[Record, Stage], str]
"""A sentence if a stage cannot decide in time at the present rate; else empty."""


@dataclass(frozen=True, slots=True)
class Ports:
    """All that a driver works with."""

    release: Release
    objects: Objects
    store: RecordStore
    lease: DriverLease
    history: History
    time: Time
    judge: Judge
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Patience:
    """When a driver gives back control although the rollout has not ended."""

    one_step: bool = False
    hold_seconds: float = 86400.0
