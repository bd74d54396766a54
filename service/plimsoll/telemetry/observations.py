"""Queues observations until they are counted."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from prometheus_client import Metric
from prometheus_client.registry import Collector

_TOGETHER = 128
Seen = TypeVar("Seen")


class Observations(Collector):
    """Counts many observations in one go.

    What counting costs a request is less its work than that all it touches has left the processor's caches since the
    request before; a hundred in a row pay that once. They are counted when so many wait, and before anything is read
    from the registry that this is registered with, which must be before the metrics that it feeds. Where other
    processes read what is counted here, they are counted `within_seconds` as well, on the event loop.
    """

    def __init__(self, within_seconds: float | None = None) -> None:
        self._within_seconds = within_seconds
        self._waiting: deque[tuple[Callable[[Any], None], Any]] = deque()
        self._others: list[Callable[[], None]] = []

    def add(self, count: Callable[[Seen], None], seen: Seen) -> None:
        """Have `count` called with what was seen, in time."""
        self._waiting.append((count, seen))
        if len(self._waiting) >= _TOGETHER:
            self.count()
        elif self._within_seconds is not None and len(self._waiting) == 1:
            asyncio.get_running_loop().call_later(self._within_seconds, self.count)

    def count_too(self, count: Callable[[], None]) -> None:
        """Have `count` called whenever what waits is counted; from any thread."""
        self._others.append(count)

    def count(self) -> None:
        """Count all that waits; from any thread."""
        for count_other in self._others:
            count_other()
        while self._waiting:
            try:
                count, seen = self._waiting.popleft()
            except IndexError:  # another thread has counted it
                return
            count(seen)

    def collect(self) -> Iterable[Metric]:
        """No metric; whoever asks is about to read those that this feeds."""
        self.count()
        return ()
