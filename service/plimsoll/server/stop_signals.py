"""Ends the process on a signal, whatever its threads do."""

from __future__ import annotations

import faulthandler
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Collection
from types import FrameType
from typing import NoReturn

_log = logging.getLogger(__name__)

CLOSING_SECONDS = 4.0
"""The time for closing once requests have had theirs: cut connections, the last spans, the last log lines."""
_BACKSTOP_SECONDS = 0.5
_KILLED = 128


def end_on_termination() -> None:
    """Have SIGTERM end the process from here on, also as PID 1, for which the kernel has no default action."""
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, lambda number, _: os._exit(_KILLED + number))


def leave(code: int) -> NoReturn:
    """End the process now, after its last log lines.

    The interpreter's own exit would join threads first, and a load or a forward pass that hangs would keep the process.
    """
    for handler in logging.getLogger().handlers:
        handler.flush()
    os._exit(code)


class StopSignals:
    """Reads signals on a thread of its own, so that they are noticed while the main thread runs or hangs.

    The first of `signals` begins the stop, or ends the process where nothing is served yet; a second one ends it at
    once. Where `at_once` names signals, only those do, and the first time too: a supervisor that signals every process
    of a group sends workers a second SIGTERM, because their master passes on its own.
    `limit_seconds` after the first the process ends in any case. Only a thread that never gives the interpreter's lock
    back keeps the first signal from being noticed; the sender's SIGKILL ends such a process.
    """

    def __init__(
        self, limit_seconds: float, signals: Collection[signal.Signals], at_once: Collection[signal.Signals] = ()
    ) -> None:
        self._limit_seconds = limit_seconds
        self._signals = {*signals, *at_once}
        self._at_once = at_once
        self._begin: Callable[[], object] = lambda: leave(0)
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)
        self._nowhere = os.open(os.devnull, os.O_WRONLY)  # opened now: later no descriptor may be free

    def listen(self) -> None:
        """Take the signals from here on; call from the main thread."""
        for each in self._signals:
            signal.signal(each, _handled_by_thread)
        threading.Thread(target=self._wait, name="stop-signals", daemon=True).start()
        self.release()

    def hold(self) -> None:
        """Have signals wait until `release`."""
        signal.pthread_sigmask(signal.SIG_BLOCK, self._signals)

    def release(self) -> None:
        """Have signals written to the thread; call from the main thread, and once more when an event loop has begun.

        A loop has them written to itself when it begins to run, and the interpreter knows one such place.
        """
        signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self._signals)

    def on_first(self, begin: Callable[[], object]) -> None:
        """Have the first signal call `begin`, on the thread, in place of ending the process."""
        self._begin = begin

    def _wait(self) -> None:
        if self._next(self._signals) not in self._at_once:
            self._limit()
            self._begin()
            self._next(self._at_once or self._signals)
            _log.warning("stopping: told to stop at once")
        leave(0)

    def _next(self, awaited: Collection[int]) -> int:
        while (number := os.read(self._reading, 1)[0]) not in awaited:
            pass
        return number

    def _limit(self) -> None:
        # The dump's own thread needs no interpreter's lock, so it also ends a process in which nothing else can run.
        faulthandler.dump_traceback_later(self._limit_seconds + _BACKSTOP_SECONDS, exit=True, file=self._nowhere)
        limit = threading.Timer(self._limit_seconds, self._give_up)
        limit.daemon = True
        limit.start()

    def _give_up(self) -> None:
        _log.error(
            "stopping: something still runs %g s after the signal, leaving; the main thread is at %s",
            self._limit_seconds,
            _place_of_main_thread(),
        )
        leave(1)


def _handled_by_thread(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: the number of the signal has been written to the thread when this is called."""


def _place_of_main_thread() -> str:
    frame = sys._current_frames().get(threading.main_thread().ident or 0)  # noqa: SLF001  # documented for this use
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame else "its end"
