"""An event loop whose clock the test moves, and an executor whose work the test runs."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

_TURNS = 12
"""More turns of the loop than anything under test needs to come to rest."""


class FakeTimeLoop(asyncio.SelectorEventLoop):
    """Time stands still until `advance` is called."""

    def __init__(self) -> None:
        self.now = 1000.0
        super().__init__()

    def time(self) -> float:
        return self.now

    def settle(self) -> None:
        """Run everything that is due now."""
        for _ in range(_TURNS):
            self.run_until_complete(asyncio.sleep(0))

    def advance(self, seconds: float) -> None:
        """Let time pass, then run what has become due."""
        self.now += seconds
        self.settle()


class ManualExecutor(Executor):
    """Keeps what is submitted until `run_next`."""

    def __init__(self) -> None:
        self.pending: deque[tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]] = deque()
        self.closed = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **_: Any) -> Future[Any]:
        if self.closed:
            raise RuntimeError("cannot schedule new futures after shutdown")
        future: Future[Any] = Future()
        self.pending.append((future, fn, args))
        return future

    def run_next(self) -> bool:
        """Run the oldest piece of work in this thread; whether there was one."""
        if not self.pending:
            return False
        future, fn, args = self.pending.popleft()
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(fn(*args))
            except Exception as error:
                future.set_exception(error)
        return True

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        del wait
        self.closed = True
        if cancel_futures:
            for future, _, _ in self.pending:
                future.cancel()
            self.pending.clear()
