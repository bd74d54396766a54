"""Queues observations until they are counted."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any, TypeVar

from prometheus_client import Metric
from prometheus_client.registry import Collector

_TOGETHER = 128
Seen = TypeVar("Seen")


class Observations(Collector):
    """Counts many observations together.

    Most of the cost of counting is that the memory it touches has left the processor's caches since the last request; a
    hundred observations in a row pay that once, and most of them change the same few series. They are counted when so
    many wait, and before the registry with which this is registered is read. Register this before the metrics that it
    feeds. If other processes read the counts, they are also counted `within_seconds`, on the event loop.
    """

    def __init__(self, within_seconds: float | None = None) -> None:
        self._within_seconds = within_seconds
        self._waiting: deque[tuple[Callable[[list[Any]], None], Any]] = deque()
        self._others: list[Callable[[], None]] = []

    def add(self, count: Callable[[list[Seen]], None], seen: Seen) -> None:
        """Queue an observation; `count` is called before the next scrape with all that were added for it, in order."""
        self._waiting.append((count, seen))
        if len(self._waiting) >= _TOGETHER:
            self.count()
        elif self._within_seconds is not None and len(self._waiting) == 1:
            asyncio.get_running_loop().call_later(self._within_seconds, self.count)

    def count_too(self, count: Callable[[], None]) -> None:
        """Call `count` whenever the queue has been counted, on the same thread, which may be any."""
        self._others.append(count)

    def count(self) -> None:
        """Count all queued observations; if those of one kind fail, the others are counted. May run on any thread."""
        together: dict[Callable[[list[Any]], None], list[Any]] = {}
        while self._waiting:
            try:
                count, seen = self._waiting.popleft()
            except IndexError:  # another thread has counted it
                break
            together.setdefault(count, []).append(seen)
        # It calls the last one first, so that `count_too` comes after what it counts, and goes on after a failure.
        with ExitStack() as each:
            for count_other in self._others:
                each.callback(count_other)
            for count, all_seen in together.items():
                each.callback(count, all_seen)

    def collect(self) -> Iterable[Metric]:
        """Return no metric: the collector is about to read the metrics that this feeds."""
        self.count()
        return ()
