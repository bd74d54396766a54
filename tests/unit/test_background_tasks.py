from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from plimsoll.background_tasks import BackgroundTasks, TaskState, Work

from tests.unit.eventually import eventually


class Panic(BaseException):
    """What a Rust extension raises: no Exception."""


class Failing:
    """Raises each of its errors in turn, then runs for good."""

    def __init__(self, *errors: BaseException) -> None:
        self._errors = list(errors)
        self.calls = 0

    async def __call__(self) -> None:
        self.calls += 1
        if self._errors:
            raise self._errors.pop(0)
        await asyncio.Event().wait()


@asynccontextmanager
async def running(work: Work, restarted: list[str] | None = None) -> AsyncIterator[BackgroundTasks]:
    told = [] if restarted is None else restarted
    tasks = BackgroundTasks(told.append, first_pause_seconds=0.001)
    tasks.add("work", work)
    tasks.start()
    try:
        yield tasks
    finally:
        await tasks.close()


@pytest.mark.parametrize(
    "error", [ValueError("of a path"), SystemExit(2), KeyboardInterrupt(), Panic(), asyncio.CancelledError()], ids=repr
)
async def test_whatever_a_task_raises_it_is_started_again_counted_and_told(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    work, restarted = Failing(error), list[str]()
    async with running(work, restarted) as tasks:
        await eventually(lambda: work.calls == 2)
        assert tasks.states() == [TaskState("work", running=True, restarts=1, reason=type(error).__name__)]
        assert restarted == ["work"]
    assert "background task 'work' stopped; it restarts in 0.001 s, and loaded models keep serving" in caplog.text


async def test_the_pause_doubles(caplog: pytest.LogCaptureFixture) -> None:
    work = Failing(*(ValueError() for _ in range(4)))
    async with running(work):
        await eventually(lambda: work.calls == 5)
    pauses = [record.getMessage().split(" in ")[1].split(" s,")[0] for record in caplog.records]
    assert pauses == ["0.001", "0.002", "0.004", "0.008"]


async def test_a_task_that_returns_has_done_its_work() -> None:
    calls = []

    async def once() -> None:
        calls.append(1)

    async with running(once) as tasks:
        await eventually(lambda: not tasks.states()[0].running)
        assert (len(calls), tasks.states()[0].restarts) == (1, 0)


async def test_closing_ends_tasks_that_run_and_tasks_that_wait_for_their_restart() -> None:
    runs, waits = Failing(), Failing(ValueError())
    tasks = BackgroundTasks(first_pause_seconds=1000)
    tasks.add("runs", runs)
    tasks.add("waits", waits)
    tasks.start()
    await eventually(lambda: tasks.states()[1].restarts == 1)
    async with asyncio.timeout(5):
        await tasks.close()
    assert [each.running for each in tasks.states()] == [False, False]
    assert (runs.calls, waits.calls) == (1, 1)


async def test_what_was_never_started_can_be_closed_and_has_no_state() -> None:
    tasks = BackgroundTasks()
    tasks.add("work", Failing())
    assert tasks.states() == []
    await tasks.close()
