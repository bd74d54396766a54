"""The access log: one line for each request, with a limit on similar lines."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from http import HTTPStatus

from starlette.types import Scope

from plimsoll.inference.call import call_of

_log = logging.getLogger("plimsoll.access")
_LONGEST_METHOD = 32
"""The client may send any word as the method; every other part of a line comes from the server and is short."""
_SUCCESSES_BELOW = HTTPStatus.MULTIPLE_CHOICES.value
_FAILURES_PER_SECOND = 100
"""For each status. Without this limit a client that keeps sending wrong keys would make logging the main load."""


class AccessLog:
    """Writes at most `successes_per_second` lines a second for answers below 300, and 100 for each other status.

    If `successes_per_second` is more than 100, it limits the others too. The field `unlogged` of a line counts the
    similar answers since the last line that were not logged. If the client disconnected before the answer, the status
    is `gone`.
    """

    def __init__(self, successes_per_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures_per_second = max(successes_per_second, _FAILURES_PER_SECOND)
        self._successes = _Quota(successes_per_second)
        self._failures: dict[int | str, _Quota] = {}

    def write(self, scope: Scope, seconds: float) -> None:
        """Log a request that has ended after `seconds`."""
        call = call_of(scope)
        status: int | str = call.status or "gone"
        quota = self._quota(status)
        if not quota.take(self._clock()) or not _log.isEnabledFor(logging.INFO):
            return
        route = call.route or getattr(scope.get("route"), "path", "unknown")
        milliseconds = round(seconds * 1000, 3)
        method = scope.get("method", "WEBSOCKET")[:_LONGEST_METHOD]
        extra = {"method": method, "route": route, "status": status, "duration_ms": milliseconds}
        if scope.get("client"):
            extra["peer"] = scope["client"][0]
        facts = {"key": call.principal, "model": call.model, "version": call.version}
        extra |= {name: fact for name, fact in facts.items() if fact}
        if call.queue_seconds is not None:
            extra["queue_ms"] = round(call.queue_seconds * 1000, 3)
            extra["forward_ms"] = round(call.forward_seconds * 1000, 3)
        if quota.unlogged:
            extra["unlogged"], quota.unlogged = quota.unlogged, 0
        _log.info("%s %s %s in %s ms", method, route, status, milliseconds, extra=extra)

    def _quota(self, status: int | str) -> _Quota:
        if isinstance(status, int) and status < _SUCCESSES_BELOW:
            return self._successes
        if (quota := self._failures.get(status)) is None:
            quota = self._failures[status] = _Quota(self._failures_per_second)
        return quota


class _Quota:
    """Allows a number of lines a second; counts the refused ones in `unlogged`."""

    __slots__ = ("_per_second", "_second", "_written", "unlogged")

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._second = 0.0
        self._written = self.unlogged = 0

    def take(self, now: float) -> bool:
        """Whether another line is allowed; `now` is in seconds."""
        if now - self._second >= 1:
            self._second, self._written = now, 0
        self._written += 1
        if self._written > self._per_second:
            self.unlogged += 1
            return False
        return True
