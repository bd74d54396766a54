"""A line for each request, and for as many of many alike as somebody can read."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from http import HTTPStatus

from starlette.types import Scope

from plimsoll.inference.call import call_of

_log = logging.getLogger("plimsoll.access")
_LONGEST_METHOD = 32
"""A method is any word that the client chose; everything else on a line is the server's own and short."""
_SUCCESSES_BELOW = HTTPStatus.MULTIPLE_CHOICES.value
_FAILURES_PER_SECOND = 100
"""Of each status. One client that sends wrong keys as fast as it can would else be most of what the server does."""


class AccessLog:
    """Writes at most `successes_per_second` lines a second about answers below 300, and of each other status 100.

    Where `successes_per_second` is more than 100, it is the bound for the others too. A line says in `unlogged` how
    many such answers there were since the last one without a line of their own, so that what is missing is known to be
    missing. A client that was gone before its answer has no status; `gone` stands for it.
    """

    def __init__(self, successes_per_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures_per_second = max(successes_per_second, _FAILURES_PER_SECOND)
        self._successes = _Quota(successes_per_second)
        self._failures: dict[int | str, _Quota] = {}

    def write(self, scope: Scope, seconds: float) -> None:
        """A request has ended after so many seconds."""
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
    """So many lines a second; counts those that it refused in `unlogged`."""

    __slots__ = ("_per_second", "_second", "_written", "unlogged")

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._second = 0.0
        self._written = self.unlogged = 0

    def take(self, now: float) -> bool:
        """Whether there may be one more line; `now` in seconds."""
        if now - self._second >= 1:
            self._second, self._written = now, 0
        self._written += 1
        if self._written > self._per_second:
            self.unlogged += 1
            return False
        return True
