"""How many predict requests are in flight, and for how long they were."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

from plimsoll.telemetry.metric_catalog import MetricCatalog

_TOLD_WITHIN_SECONDS = 0.25


class InFlight:
    """Counts the requests in flight, and adds up the time for which each of them was.

    The sum grows by the number in flight every second, whatever becomes of the requests: its rate is the exact mean
    number in flight, where a gauge tells of the moments at which it was read. It is told up to the moment of a scrape.
    Of several processes each tells its own part, four times a second while requests are in flight.
    """

    def __init__(self, catalog: MetricCatalog, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._state = (0, clock(), 0.0)
        """How many, since when, the sum until then; one object, so that another thread reads what belongs together."""
        self._seconds = catalog.requests.in_flight_seconds
        self._told = 0.0
        self._telling = threading.Lock()
        self._shared = catalog.requests.in_flight if catalog.many_processes else None
        self._timer: asyncio.TimerHandle | None = None
        if self._shared is None:
            catalog.requests.in_flight.set_function(lambda: self._state[0])  # asked at a scrape, not told twice each
        catalog.observations.count_too(self.tell)

    def enter(self) -> None:
        """One more."""
        self._change(1)
        if self._shared is not None and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_TOLD_WITHIN_SECONDS, self._tell_others)

    def leave(self) -> None:
        """One less."""
        self._change(-1)

    def tell(self) -> None:
        """Count the time up to now; from any thread."""
        with self._telling:
            count, since, seconds = self._state
            until_now = seconds + count * (self._clock() - since)
            if until_now > self._told:
                self._seconds.inc(until_now - self._told)
                self._told = until_now

    def _change(self, by: int) -> None:
        count, since, seconds = self._state
        now = self._clock()
        self._state = (count + by, now, seconds + count * (now - since))
        if self._shared is not None:
            self._shared.set(count + by)

    def _tell_others(self) -> None:
        self.tell()
        count, _, _ = self._state
        self._timer = asyncio.get_running_loop().call_later(_TOLD_WITHIN_SECONDS, self._tell_others) if count else None
