"""Ends the process on a signal, even if its threads hang."""

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
"""The time for closing after the drain: cut connections, export the last spans, write the last log lines."""
_BACKSTOP_SECONDS = 0.5
_KILLED = 128


def end_on_termination() -> None:
    """Let SIGTERM end the process from now on, also as PID 1, for which the kernel has no default action."""
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, lambda number, _: os._exit(_KILLED + number))


def leave(code: int) -> NoReturn:
    """End the process now, after its last log lines.

    The interpreter's own exit joins threads first, so a load or a forward pass that hangs would keep the process alive.
    """
    for handler in logging.getLogger().handlers:
        handler.flush()
    os._exit(code)


class StopSignals:
    """Reads signals on its own thread, so that they are handled even while the main thread hangs.

    The first of `signals` begins the stop, or ends the process if it does not serve yet; a second one ends it at once.
    If `at_once` names signals, only these end the process at once, even as the first signal. Workers need that: a
    supervisor that signals the whole process group and a master that forwards its signal send each worker two SIGTERMs.
    The process always ends `limit_seconds` after the first signal. Only a thread that never releases the interpreter's
    lock prevents the first signal from being handled; SIGKILL ends such a process.
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
        self._nowhere = os.open(os.devnull, os.O_WRONLY)  # opened now, because later no descriptor may be free

    def listen(self) -> None:
        """Handle the signals from now on; call it on the main thread."""
        for each in self._signals:
            signal.signal(each, _handled_by_thread)
        threading.Thread(target=self._wait, name="stop-signals", daemon=True).start()
        self.release()

    def hold(self) -> None:
        """Block signals until `release`."""
        signal.pthread_sigmask(signal.SIG_BLOCK, self._signals)

    def release(self) -> None:
        """Route signals to the thread; call it on the main thread, and again when an event loop has started.

        An event loop routes signals to itself when it starts, and the interpreter has only one wake-up descriptor.
        """
        signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self._signals)

    def on_first(self, begin: Callable[[], object]) -> None:
        """Let the first signal call `begin`, on the thread, instead of ending the process."""
        self._begin = begin

    def _wait(self) -> None:
        if self._next(self._signals) not in self._at_once:
            self._limit()
            self._begin()
            self._next(self._at_once or self._signals)
            _log.warning("stopping at once, without draining, because a signal asks for it")
        leave(0)

    def _next(self, awaited: Collection[int]) -> int:
        while (number := os.read(self._reading, 1)[0]) not in awaited:
            pass
        return number

    def _limit(self) -> None:
        # faulthandler's thread does not need the interpreter's lock, so it ends even a process that never releases it.
        faulthandler.dump_traceback_later(self._limit_seconds + _BACKSTOP_SECONDS, exit=True, file=self._nowhere)
        limit = threading.Timer(self._limit_seconds, self._give_up)
        limit.daemon = True
        limit.start()

    def _give_up(self) -> None:
        _log.error(
            "stopping: something still runs %g s after the signal, the process ends now; the main thread is at %s",
            self._limit_seconds,
            _place_of_main_thread(),
        )
        leave(1)


def _handled_by_thread(_number: int, _frame: FrameType | None) -> None:
    """Do nothing, because the interpreter has already written the signal's number to the thread's pipe."""


def _place_of_main_thread() -> str:
    frame = sys._current_frames().get(threading.main_thread().ident or 0)  # noqa: SLF001  # documented for this use
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame else "its end"
