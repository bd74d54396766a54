"""The thread of a model that is too slow for the event loop."""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import Empty, SimpleQueue
from typing import Any

_LAST_RUN_SECONDS = 1.0
"""The time for which the end of the process waits for a forward pass that still runs."""

_Work = tuple[Future[Any], Callable[..., Any], tuple[Any, ...], dict[str, Any]]


class ModelThread(Executor):
    """Runs calls one after the other on one daemon thread.

    It replaces a `ThreadPoolExecutor`, whose threads the interpreter joins at exit, so that a forward pass that hangs
    would keep the process alive. The thread starts with the first call, and first runs `begin`.
    """

    def __init__(self, name: str, begin: Callable[[], None] = lambda: None) -> None:
        self._thread = _Worker(name, begin)
        self._started = False
        self._closed = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:  # noqa: ANN401  # fn's own
        """Queue a call; its future gets whatever it returns or raises.

        Raises:
            RuntimeError: the executor has been shut down.
        """
        if self._closed:
            raise RuntimeError("cannot run anything after shutdown")
        future: Future[Any] = Future()
        self._thread.queue.put((future, fn, args, kwargs))
        if not self._started:
            self._started = True
            self._thread.start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002  # as declared
        """Refuse new calls. The thread ends after the running call and, unless `cancel_futures`, the queued ones."""
        self._closed = True
        while cancel_futures:
            try:
                work = self._thread.queue.get_nowait()
            except Empty:
                break
            if work is not None:
                work[0].cancel()
        self._thread.queue.put(None)
        if wait and self._started:
            self._thread.join()


class _Worker(threading.Thread):
    """Runs the calls in its queue until it finds `None` there. Keeps no reference to a finished call."""

    def __init__(self, name: str, begin: Callable[[], None]) -> None:
        super().__init__(name=name, daemon=True)
        self._begin = begin
        self.queue: SimpleQueue[_Work | None] = SimpleQueue()

    def run(self) -> None:
        """Run in the thread."""
        self._begin()
        while (work := self.queue.get()) is not None:
            _do(*work)
            del work


def _do(future: Future[Any], fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    try:
        if future.set_running_or_notify_cancel():
            future.set_result(fn(*args, **kwargs))
    except BaseException as error:  # noqa: BLE001  # the future raises it in its waiter
        future.set_exception(error)
    finally:
        # The traceback of an error refers to this frame, so holding its future would create a reference cycle.
        del future, fn, args, kwargs


@atexit.register
def _end_despite_running_models() -> None:
    """End the process here if a forward pass still runs after a short wait.

    At exit the interpreter stops a daemon thread at its next step, which inside torch aborts the process (SIGABRT).
    """
    workers = [each for each in threading.enumerate() if isinstance(each, _Worker)]
    for worker in workers:
        worker.queue.put(None)
    for worker in workers:
        worker.join(_LAST_RUN_SECONDS / len(workers))
    if any(worker.is_alive() for worker in workers):
        logging.getLogger(__name__).warning("the process ends while a forward pass still runs")
        logging.shutdown()
        os._exit(0)
