"""All connections of one server: how many there may be, and which of them have waited too long."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Callable
from email.utils import formatdate
from typing import Protocol

from plimsoll.server.connection_limits import ConnectionLimits

_log = logging.getLogger(__name__)

_SWEEP_SECONDS = 1.0
_LOG_SECONDS = 10.0
_LOOK_SECONDS = 0.05
"""The pause after a search for an idle connection that found none, because a search looks at all of them."""
_FEW = 8
"""So many requests under way are answered one by one; the answers to more of them are written together."""


class Connection(Protocol):
    """One of them, as far as it has to be known here."""

    address: str

    @property
    def waiting_since(self) -> float | None:
        """Since when it is closing, idle or silent, on the loop's clock; `None` where it may not be closed."""
        ...

    @property
    def answered(self) -> bool:
        """Whether a request of it has been answered and the next has not begun."""
        ...

    def check(self, now: float) -> None:
        """Close itself where it has waited too long."""
        ...

    def close_for_another(self) -> None:
        """Make room."""
        ...


class Answer(Protocol):
    """An answer that may be kept until the end of a turn of the event loop."""

    def flush(self) -> None:
        """Write what is kept of it."""
        ...


class Connections:
    """Bounds how many connections there are, and looks at each of them once a second.

    One timer serves all of them: a timer for each request would cost more than the rest of its bookkeeping. `now` is
    the loop's time, a second old at most, and `date_field` the Date header field of answers.

    `count` hears the reason of every refusal. `upgrades` says whether the application takes WebSockets at a path; the
    `message_bytes` are those of their messages that have arrived in part.
    """

    def __init__(
        self,
        limits: ConnectionLimits,
        count: Callable[[str], None] = lambda _: None,
        upgrades: Callable[[bytes], bool] = lambda _: False,
    ) -> None:
        self.limits = limits
        self.upgrades = upgrades
        self.message_bytes = 0
        self.now = 0.0
        self.together = False
        """Whether the answers of this turn of the event loop are to be written at its end, as whole ones."""
        self.date_field = b""
        self._count = count
        self._open: set[Connection] = set()
        self._addresses: Counter[str] = Counter()
        self._timer: asyncio.TimerHandle | None = None
        self._begun: list[Answer] = []
        self._waiting: deque[tuple[float, Connection]] = deque()
        self._look_again_at = 0.0
        self._logged: dict[str, tuple[float, int]] = {}

    def __len__(self) -> int:
        return len(self._open)

    def admit(self, connection: Connection) -> bool:
        """Take a new connection; closes another for it where there are too many, or says that there is no room."""
        if self._timer is None:
            self._look()
        bound = self.limits.connections_per_address
        if bound and self._addresses[connection.address] >= bound:
            self.refused("too_many_from_address", connection.address)
            return False
        if len(self._open) >= self.limits.connections:
            self.refused("too_many_connections", connection.address)
            if (longest := self._longest_waiting()) is None:
                return False
            longest.close_for_another()
        self._open.add(connection)
        if bound:
            self._addresses[connection.address] += 1
        return True

    def forget(self, connection: Connection) -> None:
        """A connection has ended."""
        if connection not in self._open:
            return
        self._open.discard(connection)
        if self.limits.connections_per_address:
            self._addresses[connection.address] -= 1
            if not self._addresses[connection.address]:
                del self._addresses[connection.address]

    def flush_soon(self, answer: Answer, under_way: int) -> None:
        """Have an answer flushed at the end of this turn of the event loop.

        `under_way` is the number of requests that are being answered; it sets `together` for the turn. The answers to
        many are written one after the other, because a proxy that each of them wakes by itself takes much CPU, from the
        server too where they share it. Few would lose more by waiting.
        """
        if not self._begun:
            asyncio.get_running_loop().call_soon(self._flush)
            self.together = under_way > _FEW
        self._begun.append(answer)

    def refused(self, reason: str, peer: str) -> None:
        """Count a refusal, and log it with the client's address: at most one line for each reason in ten seconds."""
        self._count(reason)
        logged_at, unlogged = self._logged.get(reason, (-_LOG_SECONDS, 0))
        if self.now - logged_at < _LOG_SECONDS:
            self._logged[reason] = (logged_at, unlogged + 1)
            return
        self._logged[reason] = (self.now, 0)
        more = f", and {unlogged} more since the last such line" if unlogged else ""
        _log.warning("connection refused or closed: %s%s", reason, more, extra={"reason": reason, "peer": peer})

    def _longest_waiting(self) -> Connection | None:
        """The connection to close for another. All of them are looked at once for many newcomers."""
        for _ in range(2):
            while self._waiting:
                since, connection = self._waiting.popleft()
                if connection in self._open and connection.waiting_since == since:
                    return connection
            now = asyncio.get_running_loop().time()
            if now < self._look_again_at:
                return None
            # Of those that have waited since the same second a stranger is closed before a client that was answered.
            found = [((at, each.answered), each) for each in self._open if (at := each.waiting_since) is not None]
            if not found:
                self._look_again_at = now + _LOOK_SECONDS
            first = min((key for key, _ in found), default=None)
            self._waiting.extend((key[0], each) for key, each in found if key == first)
        return None

    def _sweep(self) -> None:
        self._timer = None
        self._waiting.clear()  # which would hold connections that have ended
        if self._open:
            self._look()
            latest = self.now - _SWEEP_SECONDS  # the times that connections remember may be a second old
            for connection in list(self._open):
                connection.check(latest)

    def _flush(self) -> None:
        begun, self._begun = self._begun, []
        for answer in begun:
            answer.flush()

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        self.now = loop.time()
        self.date_field = b"date: %b\r\n" % formatdate(time.time(), usegmt=True).encode()
        self._timer = loop.call_later(_SWEEP_SECONDS, self._sweep)
