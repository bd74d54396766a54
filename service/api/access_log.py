"""One line for every request that did not succeed, and for as many that did as somebody can read."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from http import HTTPStatus

from starlette.types import Scope

_log = logging.getLogger("service.access")
_FACTS = ("key", "model", "version")
_LONGEST_METHOD = 32
"""A method is any word that the client chose; everything else on a line is the server's own and short."""
_SUCCESSES_BELOW = HTTPStatus.MULTIPLE_CHOICES.value


class AccessLog:
    """Writes at most `successes_per_second` lines a second about answers below 300, and all others.

    A line says in `unlogged` how many such answers there were since the last one without a line of their own, so that
    what is missing is known to be missing.
    """

    def __init__(self, successes_per_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._successes_per_second = successes_per_second
        self._clock = clock
        self._second = 0.0
        self._written = 0
        self._unlogged = 0

    def write(self, scope: Scope, seconds: float) -> None:
        """A request has ended after so many seconds; what is known of it lies in the scope's state."""
        status = scope["state"].get("status")
        if status is not None and status < _SUCCESSES_BELOW and not self._take():
            self._unlogged += 1
            return
        if not _log.isEnabledFor(logging.INFO):
            return
        said = status or "gone"
        route = scope["state"].get("route") or getattr(scope.get("route"), "path", "unknown")
        milliseconds = round(seconds * 1000, 3)
        method = scope["method"][:_LONGEST_METHOD]
        extra = {"method": method, "route": route, "status": said, "duration_ms": milliseconds}
        if scope.get("client"):
            extra["peer"] = scope["client"][0]
        extra |= {name: scope["state"][name] for name in _FACTS if name in scope["state"]}
        if "timing" in scope["state"]:
            queue_seconds, forward_seconds = scope["state"]["timing"]
            extra |= {"queue_ms": round(queue_seconds * 1000, 3), "forward_ms": round(forward_seconds * 1000, 3)}
        if self._unlogged:
            extra["unlogged"], self._unlogged = self._unlogged, 0
        _log.info("%s %s %s in %s ms", method, route, said, milliseconds, extra=extra)

    def _take(self) -> bool:
        now = self._clock()
        if now - self._second >= 1:
            self._second, self._written = now, 0
        self._written += 1
        return self._written <= self._successes_per_second
