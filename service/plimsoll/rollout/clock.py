"""The time of a rollout: that of Prometheus at the start, and steady from then on."""

from __future__ import annotations

import threading
import time

from plimsoll.errors import OperatorError

_SLEEPLESS: int | None = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))
"""The clock that goes on while the machine sleeps: on Linux CLOCK_MONOTONIC stands still then, on macOS that of Python
does (it is mach_absolute_time), and on Windows none does."""


class Stopped(OperatorError):
    """A person or the system has asked this process to end."""


class SteadyClock:
    """A clock that no correction of the machine's clock moves, and whose sleep a signal ends.

    Args:
        offset_seconds: how far the clock of Prometheus is ahead of this machine's.
    """

    def __init__(self, offset_seconds: float = 0.0) -> None:
        self._zero = time.time() + offset_seconds - self.monotonic()
        self._stopping = threading.Event()

    def now(self) -> float:
        """Seconds since 1970."""
        return self._zero + self.monotonic()

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back, and counts the time asleep where the system does."""
        return time.monotonic() if _SLEEPLESS is None else time.clock_gettime(_SLEEPLESS)

    def sleep(self, seconds: float) -> None:
        """Wait.

        Raises:
            Stopped: the process is to end.
        """
        if self._stopping.wait(seconds):
            raise Stopped(
                "stopped; the split stays as it is. `plimsoll rollout run` goes on, `plimsoll rollout abort` rolls back"
            )

    def stop(self) -> None:
        """End the present sleep, and every later one."""
        self._stopping.set()
