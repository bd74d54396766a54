"""Supervises the background tasks of a server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

_log = logging.getLogger(__name__)
_LONGEST_PAUSE_SECONDS = 60.0
Work = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class TaskState:
    """One task at one moment; `reason` is the kind of the last error, and empty where there was none."""

    task: str
    running: bool
    restarts: int
    reason: str = ""


class BackgroundTasks:
    """Runs tasks until it is closed.

    A task that raises is restarted after 1 s, then after twice as long each time. A task that returns is done and is
    not restarted. `on_restart` gets the name of the task.
    """

    def __init__(self, on_restart: Callable[[str], None] = lambda _: None, first_pause_seconds: float = 1.0) -> None:
        self._on_restart = on_restart
        self._first_pause_seconds = first_pause_seconds
        self._work: dict[str, Work] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._restarts: dict[str, int] = {}
        self._reasons: dict[str, str] = {}

    def add(self, name: str, work: Work) -> None:
        """Add `work`, which runs from `start` on and is called again for each restart."""
        self._work[name] = work

    def start(self) -> None:
        """Start every task that was added."""
        for name, work in self._work.items():
            self._running[name] = asyncio.create_task(self._keep_running(name, work))

    async def close(self) -> None:
        """Cancel every task, and return when all have ended."""
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    def states(self) -> list[TaskState]:
        """Return the state of every started task."""
        return [
            TaskState(name, not task.done(), self._restarts.get(name, 0), self._reasons.get(name, ""))
            for name, task in self._running.items()
        ]

    async def _keep_running(self, name: str, work: Work) -> None:
        pause = self._first_pause_seconds
        clock = asyncio.get_running_loop().time
        while True:
            started = clock()
            try:
                await work()
            except GeneratorExit:
                raise
            except BaseException as error:  # SystemExit too: what a task calls must not end the server
                if _is_cancelled(error):
                    raise
                if clock() - started > _LONGEST_PAUSE_SECONDS:
                    pause = self._first_pause_seconds
                self._tell(name, error, pause)
            else:
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def _tell(self, name: str, error: BaseException, pause: float) -> None:
        self._restarts[name] = self._restarts.get(name, 0) + 1
        self._reasons[name] = type(error).__name__
        self._on_restart(name)
        _log.error(
            "background task '%s' stopped; it restarts in %g s, and loaded models keep serving",
            name, pause, exc_info=error, extra={"task": name},
        )  # fmt: skip


def _is_cancelled(error: BaseException) -> bool:
    """Whether the current task is cancelled; a task may also raise CancelledError by mistake."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0
