"""Runs the code of a task of one's own on threads that belong to one version."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context, copy_context
from functools import partial
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from plimsoll.errors import Stuck
from plimsoll.inference.model_thread import ModelThread
from plimsoll.inference.ports import Task
from plimsoll.inference.waiting import result_in_time

THREADS = 2
_PATIENCE_SECONDS = 1.0
_T = TypeVar("_T")


class TaskObserver(Protocol):
    """Receives the events of the code of one version's task."""

    def declare(self, names: Sequence[str]) -> None:
        """The names that `count` and `observe` accept from now on."""
        ...

    def begin(self) -> None:
        """The version serves: what was counted until now was its proof, and is not shown."""
        ...

    def ran(self, step: str, seconds: float) -> None:
        """A step of the current request, `read` or `write`, has run."""
        ...

    def count(self, name: str) -> None:
        """Count an event of that name. May be called on any thread."""
        ...

    def observe(self, name: str, seconds: float) -> None:
        """Observe a duration of that name. May be called on any thread."""
        ...


class UnobservedTask:
    """A `TaskObserver` that ignores all events."""

    def declare(self, names: Sequence[str]) -> None:
        """Ignore the names."""

    def begin(self) -> None:
        """Ignore the event."""

    def ran(self, step: str, seconds: float) -> None:
        """Ignore the event."""

    def count(self, name: str) -> None:
        """Ignore the event."""

    def observe(self, name: str, seconds: float) -> None:
        """Ignore the event."""


class TaskThreads:
    """Two threads of one version, so that code which does not return holds up no other version.

    Every piece of work belongs to a request that holds a permit, so admission control bounds the queue. Work that no
    request waits for any more is not begun; if it has begun, it holds its thread until it returns. Once such work holds
    all threads, requests are refused at once. Used on the event loop, but for `held_since`.
    """

    def __init__(self, observer: TaskObserver, clock: Callable[[], float] = time.perf_counter) -> None:
        self._observer = observer
        self._clock = clock
        self._all = tuple(ModelThread("task") for _ in range(THREADS))
        self._free = list(self._all)
        self._waiting: deque[_Work[Any]] = deque()
        self._running: tuple[_Work[Any], ...] = ()  # replaced whole, since the watchdog's thread reads it

    @property
    def held_since(self) -> float | None:
        """The time on `clock` since when the same work has held all threads; `None` while one is free."""
        running = self._running
        return max(each.started for each in running) if len(running) == THREADS else None

    async def run(
        self, step: str, code: Callable[[], _T], deadline: float, client_gone: Callable[[], Awaitable[None]]
    ) -> _T:
        """Run `code` and return what it returns, or raise what it raises; `step` names it in metrics and traces.

        Raises:
            Stuck: work that no request waits for any more holds all threads.
            DeadlineExceeded: it has not returned by `deadline`, in seconds of the loop's clock.
            ClientGone: the client has disconnected.
        """
        if self._is_hung():
            raise Stuck("the code of this model's task does not return, and holds all of its threads")
        work = _Work(step, code, asyncio.get_running_loop())
        self._waiting.append(work)
        self._begin_waiting()
        return await result_in_time(
            work.future, deadline, client_gone,
            gone=f"the client left during the {step} of its request",
            late=f"the {step} of the request did not end in the time that it had",
        )  # fmt: skip

    def close(self) -> None:
        """End the threads once the work in progress returns; does not wait for that."""
        for thread in self._all:
            thread.shutdown(wait=False)

    def _is_hung(self) -> bool:
        """Whether work whose requests have left has held all threads for a while; what ends soon holds up nobody."""
        since = self.held_since
        return (
            since is not None
            and self._clock() - since > _PATIENCE_SECONDS
            and all(each.future.done() for each in self._running)
        )

    def _begin_waiting(self) -> None:
        while self._free and self._waiting:
            work = self._waiting.popleft()
            if work.future.done():
                continue
            self._observer.begin()
            work.started = self._clock()
            self._running = (*self._running, work)
            thread = self._free.pop()
            thread.submit(_do, work, partial(self._end, work, thread))

    def _end(self, work: _Work[Any], thread: ModelThread, settle: Callable[[], None]) -> None:
        """Free the thread; runs on the event loop, in the context of the request."""
        self._running = tuple(each for each in self._running if each is not work)
        self._free.append(thread)
        self._observer.ran(work.step, self._clock() - work.started)
        if not work.future.done():
            settle()
        self._begin_waiting()


class BoundTask(NamedTuple):
    """The task of one version, and the `threads` of its code if that is not ours."""

    task: Task
    threads: TaskThreads | None = None


class _Work(Generic[_T]):
    """One call for one request; its future is done as soon as the request no longer waits."""

    __slots__ = ("code", "context", "future", "loop", "started", "step")

    def __init__(self, step: str, code: Callable[[], _T], loop: asyncio.AbstractEventLoop) -> None:
        self.step = step
        self.code = code
        self.loop = loop
        self.future: asyncio.Future[_T] = loop.create_future()
        self.context: Context = copy_context()
        self.started = 0.0


def _do(work: _Work[Any], end: Callable[[Callable[[], None]], None]) -> None:
    """Run the code on a thread, and hand its result to the event loop."""
    try:
        settle = partial(work.future.set_result, work.context.run(work.code))
    except BaseException as error:  # noqa: BLE001  # the request raises it
        settle = partial(work.future.set_exception, error)
    try:
        with contextlib.suppress(RuntimeError):  # the event loop is closed
            work.loop.call_soon_threadsafe(end, settle, context=work.context)
    finally:
        del work, end, settle  # the traceback of an error refers to this frame
