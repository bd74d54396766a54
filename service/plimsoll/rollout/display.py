"""The port through which a driver shows what it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from plimsoll.judge.counts import Interval
from plimsoll.judge.verdict import Verdict
from plimsoll.rollout.release_values import Values
from plimsoll.rollout.state import Record

EventKind = Literal["stage", "held", "back", "ended"]


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the counters: the verdict, the intervals that it is made from, and the time left in this stage."""

    record: Record
    verdict: Verdict
    intervals: Sequence[Interval]
    seconds_left: float


class Display(Protocol):
    """Shows a rollout to a person or to a program."""

    def note(self, sentence: str) -> None:
        """Something that a person may want to know, and that changes nothing."""
        ...

    def event(self, kind: EventKind, sentence: str, record: Record) -> None:
        """The rollout has moved."""
        ...

    def look(self, look: Look) -> None:
        """The judge has answered."""
        ...

    def commit(self, changes: Values) -> None:
        """Values that somebody else is to commit."""
        ...
