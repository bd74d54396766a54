"""Extends gunicorn's master process, which keeps workers running and stops them."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

from gunicorn.arbiter import Arbiter

_log = logging.getLogger(__name__)
_STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
_YOUNG_SECONDS = 60.0
_LONGEST_PAUSE_SECONDS = 30.0
REFUSED = 2
"""The exit code of a worker that cannot start because of its settings or files; its log says which."""
_NO_EXIT_CODE = -1


class WorkerMaster(Arbiter):  # type: ignore[misc]  # gunicorn ships no types
    """Replaces workers that end, with growing pauses if several end soon after their start.

    gunicorn itself ends all workers if one cannot start. Here that happens only if the settings are at fault and no
    worker has served yet; `serving` says whether one serves now.
    """

    APP_LOAD_ERROR = _NO_EXIT_CODE

    def __init__(self, app: Any, serving: Callable[[], bool]) -> None:  # noqa: ANN401  # gunicorn's application
        self._serving = serving
        self._has_served = self._halting = False
        self._young_ends = 0
        self._next_start = 0.0
        self._stops = 0
        super().__init__(app)

    @property
    def WORKER_BOOT_ERROR(self) -> int:  # noqa: N802  # gunicorn's own name
        """The exit code of a worker that ends the whole server."""
        return _NO_EXIT_CODE if self._has_served or self._halting else REFUSED

    def halt(self, reason: str | None = None, exit_status: int = 0) -> None:
        """End with the exit code of the first worker that could not start, whatever the exit codes of the others."""
        self._halting = True
        super().halt(reason, exit_status)

    def signal(self, sig: int, frame: FrameType | None) -> None:
        """Queue a signal; the second request to stop becomes SIGQUIT, on which gunicorn ends its workers at once."""
        self._stops += sig in _STOPS
        super().signal(signal.SIGQUIT if self._stops > 1 and sig in _STOPS else sig, frame)

    def handle_int(self) -> None:
        """Drain on the first Ctrl-C too."""
        self.handle_term()

    def manage_workers(self) -> None:
        """Start missing workers and end surplus ones; called every second."""
        self._has_served = self._has_served or self._serving()
        super().manage_workers()

    def spawn_workers(self) -> None:
        """Start the missing workers, except during a pause."""
        if time.monotonic() >= self._next_start:
            super().spawn_workers()

    def spawn_worker(self) -> Any:  # noqa: ANN401  # gunicorn's own: a process id
        """Fork one worker, with signals blocked until it handles them; if the system refuses, try again later."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
        try:
            return super().spawn_worker()
        except OSError as error:
            self._pause()
            _log.error("cannot start a worker: %s; trying again later", error.strerror)
            return None
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)

    def handle_usr2(self) -> None:
        """Ignore SIGUSR2, because the program that gunicorn starts on it could not bind the port."""
        _log.warning("SIGUSR2 is ignored; SIGHUP replaces the workers")

    def worker_ended(self, lived_seconds: float) -> None:
        """Pause before the next start if the worker ended soon after its own."""
        if lived_seconds < _YOUNG_SECONDS:
            self._pause()
        else:
            self._young_ends = 0

    def _pause(self) -> None:
        self._next_start = time.monotonic() + min(2.0**self._young_ends, _LONGEST_PAUSE_SECONDS)
        self._young_ends += 1


class MasterWatch:
    """Stops workers when their master is gone, even after a SIGKILL, because that closes the master's end of a pipe."""

    def __init__(self) -> None:
        self._reading, self._writing = os.pipe()

    def watch(self) -> None:
        """Send this worker SIGTERM when the master is gone; call once, after the fork."""
        os.close(self._writing)
        threading.Thread(target=self._wait, name="master-watch", daemon=True).start()

    def _wait(self) -> None:
        os.read(self._reading, 1)
        _log.warning("the master process is gone; this worker stops")
        os.kill(os.getpid(), signal.SIGTERM)
