"""Decides which batches may run on the event loop."""

from __future__ import annotations

import resource
from collections.abc import Callable

from plimsoll.inference.ports import LaneObserver, Shapes

_SLOW = 5
"""A run on the event loop is slow when it takes this many times the inline budget."""
_FAR_TOO_SLOW = 1000
"""One run that takes this many times the budget is enough evidence, because a busy machine does not explain it."""
_SLOW_RUNS = 3
_QUICK_RUNS = 1000
"""After so many quick runs in a row the slow ones before them are forgotten."""

Usage = Callable[[], tuple[float, int]]
"""The CPU seconds of this thread, and its number of voluntary context switches."""


def usage_of_thread() -> tuple[float, int]:
    """The `Usage` of the current thread; of the whole process where the operating system does not count by thread."""
    used = resource.getrusage(getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF))
    return used.ru_utime + used.ru_stime, used.ru_nvcsw


class Placement:
    """Bounds the rows of a batch that runs on the event loop: by the times at warm-up, and lower after slow runs.

    Three slow runs, or one that is far too slow, lower the bound to the rows that fit the inline budget; at 0 every
    batch runs on the model's own thread. Rows of open shapes have a bound for each shape. A bound never rises again.
    The `observer` receives each change.

    A run may also take long because the machine is busy. Therefore, from the first slow run on, a slow run counts only
    if the thread used the CPU for that long or gave it up voluntarily. Before that, only the duration is measured.
    """

    def __init__(
        self,
        inline_rows: Callable[[Shapes], int],
        budget_seconds: float,
        observer: LaneObserver,
        usage: Usage = usage_of_thread,
    ) -> None:
        self._rows_of = inline_rows
        self.inline_rows = inline_rows(())
        """The bound for rows whose shape the signature fixes.

        For others it only informs: the highest bound that warm-up found, and after slow runs the lowest one that they
        have left to any shape.
        """
        self._lowered: dict[Shapes, int] = {}
        """The bounds of open shapes that turned out slow. Only shapes of warm-up run here, so these are few."""
        self._budget_seconds = budget_seconds
        self.longest_seconds = _SLOW * budget_seconds
        """A longer run counts as slow; `end` need not be called after a shorter one while `suspects` is 0."""
        self._observer = observer
        self._usage = usage
        self._before = (0.0, 0)
        self.suspects = 0
        """The number of recent slow runs; while it is above 0, `begin` and `end` are called around each run."""
        self._quick_runs = 0

    def inline_rows_of(self, shapes: Shapes) -> int:
        """The most rows of these shapes that run on the event loop now."""
        if not shapes:
            return self.inline_rows
        lowered = self._lowered.get(shapes)
        return self._rows_of(shapes) if lowered is None else lowered

    def begin(self) -> None:
        """Note the start of a run on the event loop."""
        if self.suspects:
            self._before = self._usage()

    def end(self, rows: int, seconds: float, shapes: Shapes = ()) -> None:
        """Note the end of the run, with its rows, its duration and the open shapes of its rows."""
        if seconds <= self.longest_seconds:
            if self.suspects:
                self._forget()
            return
        self._quick_runs = 0
        if self.suspects == 0 or self._slow_by_itself():
            self.suspects += 1
        if self.suspects == _SLOW_RUNS or seconds > _FAR_TOO_SLOW * self._budget_seconds:
            self.suspects = 0
            bound = min(self.inline_rows_of(shapes), int(rows * self._budget_seconds / seconds))
            if shapes:
                self._lowered[shapes] = bound
            self.inline_rows = min(self.inline_rows, bound)
            self._observer.inline_rows_lowered(bound, rows, seconds)

    def _forget(self) -> None:
        self._quick_runs += 1
        if self._quick_runs == _QUICK_RUNS:
            self.suspects = self._quick_runs = 0

    def _slow_by_itself(self) -> bool:
        (cpu_before, waits_before), (cpu, waits) = self._before, self._usage()
        return cpu - cpu_before > self.longest_seconds or waits > waits_before
