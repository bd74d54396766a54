"""Detects forward passes that do not return."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from plimsoll.inference.served_version import ServedVersion

_WARM_UPS = 10
"""A forward pass may take this many times the slowest warm-up."""
_LONGEST_PAUSE_SECONDS = 1.0
_log = logging.getLogger(__name__)

Report = Callable[[ServedVersion, bool], None]
"""Receives whether a version is stuck, at each change; called on the watchdog's thread."""


@dataclass(slots=True, eq=False)
class _Watched:
    served: ServedVersion
    limit_seconds: float
    warmed_rows: int
    stuck: bool = False

    def longest_seconds(self) -> float:
        """The limit of the run in progress; proportional to its rows if it has more than the largest warm-up batch."""
        return self.limit_seconds * max(1.0, self.served.lane.forward.rows / self.warmed_rows)

    def running_seconds(self, now: float) -> float:
        """The duration of the run in progress so far, or of the work that holds all threads of the task; 0 without."""
        threads = self.served.threads
        begun = (self.served.lane.forward.since, None if threads is None else threads.held_since)
        return max((now - since for since in begun if since is not None), default=0.0)


class Watchdog:
    """Checks on its own thread how long each version's forward pass, or the code of its task, has been running.

    The event loop cannot check that, because a forward pass may block it. A version is stuck while a run takes longer
    than both `stuck_seconds` and ten times its slowest warm-up. `clock` is the clock of the lanes.
    """

    def __init__(self, stuck_seconds: float, clock: Callable[[], float] = time.perf_counter) -> None:
        self._stuck_seconds = stuck_seconds
        self._clock = clock
        self._watched: tuple[_Watched, ...] = ()  # replaced whole, since the thread may be reading it
        self._stopped = threading.Event()

    def watch(self, served: ServedVersion, slowest_warm_up_seconds: float, warmed_rows: int) -> None:
        """Watch a version from now on; `warmed_rows` is the largest batch of its warm-up."""
        limit_seconds = max(self._stuck_seconds, _WARM_UPS * slowest_warm_up_seconds)
        self._watched += (_Watched(served, limit_seconds, max(1, warmed_rows)),)

    def leave(self, served: ServedVersion) -> None:
        """Stop watching a version."""
        self._watched = tuple(each for each in self._watched if each.served is not served)

    def overdue(self) -> bool:
        """Whether a run has taken more than twice its limit, so that only a restart helps."""
        now = self._clock()
        return any(each.running_seconds(now) > 2 * each.longest_seconds() for each in self._watched)

    def look(self, report: Report) -> None:
        """Log and report each version that is newly stuck, or no longer stuck, since the last check."""
        now = self._clock()
        for each in self._watched:
            seconds, longest = each.running_seconds(now), each.longest_seconds()
            if each.stuck == (seconds > longest):
                continue
            each.stuck = not each.stuck
            about = {"model": each.served.name, "version": each.served.version}
            if each.stuck:
                _log.error(
                    "model %s version %s is stuck: its forward pass or the code of its task has run for %.1f s, and "
                    "the limit is %.1f s; the version takes no requests until it returns, and /livez fails after "
                    "twice the limit",
                    each.served.name, each.served.version, seconds, longest, extra=about,
                )  # fmt: skip
            else:
                _log.warning(
                    "model %s version %s is no longer stuck: the run has ended; the version takes requests",
                    each.served.name, each.served.version, extra=about,
                )  # fmt: skip
            report(each.served, each.stuck)

    def start(self, report: Report) -> None:
        """Start the thread, which checks at least every second."""
        pause = min(_LONGEST_PAUSE_SECONDS, self._stuck_seconds / 4)

        def keep_looking() -> None:
            while not self._stopped.wait(pause):
                self.look(report)

        threading.Thread(target=keep_looking, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        """Stop the thread."""
        self._stopped.set()
