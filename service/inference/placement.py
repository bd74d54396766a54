"""Which batches may run on the event loop."""

from __future__ import annotations

import resource
from collections.abc import Callable

from service.inference.ports import LaneObserver

_SLOW = 5
"""A run on the event loop is slow when it takes this many times the inline budget."""
_SLOW_RUNS = 3
_QUICK_RUNS = 1000
"""After so many quick runs in a row the slow ones before them are forgotten."""

Usage = Callable[[], tuple[float, int]]
"""The CPU seconds of this thread, and how often it gave up the CPU to wait for something."""


def usage_of_thread() -> tuple[float, int]:
    """The `Usage` of the current thread, from the operating system; of the process where threads are not told apart."""
    used = resource.getrusage(getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF))
    return used.ru_utime + used.ru_stime, used.ru_nvcsw


class Placement:
    """Bounds the rows of a batch that runs on the event loop: what warm-up found quick, less where runs turn out slow.

    Three slow runs lower the bound to the rows that the inline budget has time for; 0 means that everything runs on the
    model's own thread. It never rises again, and the `observer` is told.

    A run also takes long because the machine is busy. So from the first slow run on, a slow one counts only if the
    thread computed for that long or waited of its own accord. Until then nothing but the run's length is looked at.
    """

    def __init__(
        self, inline_rows: int, budget_seconds: float, observer: LaneObserver, usage: Usage = usage_of_thread
    ) -> None:
        self.inline_rows = inline_rows
        self._budget_seconds = budget_seconds
        self._longest_seconds = _SLOW * budget_seconds
        self._observer = observer
        self._usage = usage
        self._before: tuple[float, int] | None = None
        self._slow_runs = 0
        self._quick_runs = 0

    def begin(self) -> None:
        """A run on the event loop begins."""
        if self._slow_runs:
            self._before = self._usage()

    def end(self, rows: int, seconds: float) -> None:
        """The run has ended: it had that many rows and took that long."""
        if self._slow_runs:
            self._judge(rows, seconds)
        elif seconds > self._longest_seconds:
            self._slow_runs = 1

    def _judge(self, rows: int, seconds: float) -> None:
        if seconds <= self._longest_seconds:
            self._quick_runs += 1
            if self._quick_runs == _QUICK_RUNS:
                self._slow_runs = self._quick_runs = 0
            return
        self._quick_runs = 0
        assert self._before is not None  # noqa: S101  # `begin` saw the same slow runs
        (cpu_before, waits_before), (cpu, waits) = self._before, self._usage()
        if cpu - cpu_before > self._longest_seconds or waits > waits_before:
            self._slow_runs += 1
        if self._slow_runs == _SLOW_RUNS:
            self._slow_runs = 0
            self.inline_rows = min(self.inline_rows, int(rows * self._budget_seconds / seconds))
            self._observer.inline_rows_lowered(self.inline_rows, rows, seconds)
