"""Decides how long a batch waits after a run for the clients that were just answered.

Clients that ask again as soon as they are answered arrive shortly after a run. If the requests that waited during the
run start at once, the two groups of clients take turns for good, and each run is half as large as it could be. A run of
a slow model has a fixed cost, mostly the reading of its weights, which one run for both groups pays once.
"""

from __future__ import annotations

LOOK_SECONDS = 0.001
"""The time between two looks, in which the event loop reads what has arrived."""
_FEWEST_QUIET_LOOKS, _MOST_QUIET_LOOKS = 3, 20
"""A wait ends early when the looks of a quarter of its longest time, but at least 3 and at most 20, find nobody."""
_NEWEST_SHARE = 0.25
"""The share of the newest wait in the running mean of the clients that come back."""
_ENOUGH = 0.5
"""With fewer of its clients back on average, a model starts its next batch at once."""
_TRIED_AGAIN_AFTER = 16
"""So many runs after a wait of a model whose clients do not come back, it tries one again."""


class RunCost:
    """Learns the seconds of a run by its rows, as `fixed + rows * each`, from the runs themselves.

    A least-squares line (https://en.wikipedia.org/wiki/Simple_linear_regression) over all runs, in which each run
    weighs 5 % less than the next one.
    """

    _KEPT = 0.95
    _LEAST_SPREAD = 0.1
    """Rows whose standard deviation is a smaller share of their mean say nothing of the fixed cost."""

    def __init__(self) -> None:
        self._runs = self._rows = self._seconds = self._rows_squared = self._rows_seconds = 0.0
        self.fixed_seconds: float | None = None
        """The seconds that a run takes whatever its rows, at least 0; `None` until runs have differed in size."""

    def add(self, rows: int, seconds: float) -> None:
        """Learn from one run."""
        kept = self._KEPT
        self._runs = kept * self._runs + 1
        self._rows = kept * self._rows + rows
        self._seconds = kept * self._seconds + seconds
        self._rows_squared = kept * self._rows_squared + rows * rows
        self._rows_seconds = kept * self._rows_seconds + rows * seconds
        mean_rows, mean_seconds = self._rows / self._runs, self._seconds / self._runs
        variance = self._rows_squared / self._runs - mean_rows * mean_rows
        if variance > (self._LEAST_SPREAD * mean_rows) ** 2:
            each = (self._rows_seconds / self._runs - mean_rows * mean_seconds) / variance
            self.fixed_seconds = max(0.0, mean_seconds - each * mean_rows)


class ReturnWait:
    """The wait of one version between two runs. Reads no clock and sets no timer: its runner does both.

    It lasts until as many requests wait as were answered or waiting when it began, and no longer than twice the fixed
    cost of a run, or half a run. It takes place only while most clients do come back, which requests that arrive at
    random do not: for these a wait would only add to their latency.
    """

    def __init__(self) -> None:
        self._cost = RunCost()
        self._returning = 1.0
        self._skipped = self._quiet_looks = self._most_quiet_looks = 0
        self._expected = self._waiting_at_first = self._waiting = 0
        self._ends_at = 0.0

    def begin(self, rows: int, seconds: float, answered: int, waiting: int, now: float) -> bool:
        """Whether the next batch should wait, after a run of so many rows and seconds that ended `now`.

        `answered` is the number of requests in that run, and `waiting` that of the requests that wait for the next one.
        """
        self._cost.add(rows, seconds)
        fixed = self._cost.fixed_seconds
        longest = seconds / 4 if fixed is None else min(2 * fixed, seconds / 2)
        if answered + waiting <= 1 or longest < LOOK_SECONDS:
            return False
        if self._returning < _ENOUGH and self._skipped < _TRIED_AGAIN_AFTER:
            self._skipped += 1
            return False
        self._skipped = self._quiet_looks = 0
        self._expected, self._waiting_at_first, self._waiting = answered + waiting, waiting, waiting
        self._ends_at = now + longest
        quiet_looks = int(longest / LOOK_SECONDS / 4)
        self._most_quiet_looks = min(max(quiet_looks, _FEWEST_QUIET_LOOKS), _MOST_QUIET_LOOKS)
        return True

    def all_came(self, waiting: int) -> bool:
        """Whether as many requests wait as are expected."""
        return waiting >= self._expected

    def goes_on(self, waiting: int, now: float) -> bool:
        """Whether to wait until the next look, after a look that found so many requests waiting."""
        self._quiet_looks = 0 if waiting > self._waiting else self._quiet_looks + 1
        self._waiting = waiting
        return not self.all_came(waiting) and now < self._ends_at and self._quiet_looks < self._most_quiet_looks

    def end(self, waiting: int, *, full: bool = False) -> None:
        """Learn from a wait that is over; `full` is whether the next batch has no more room."""
        came = (waiting - self._waiting_at_first) / (self._expected - self._waiting_at_first)
        self._returning += _NEWEST_SHARE * ((1.0 if full else min(1.0, max(0.0, came))) - self._returning)
