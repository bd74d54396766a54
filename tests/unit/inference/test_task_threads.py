"""The code of a task runs on threads of its version, and a request waits for it no longer than it may."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextvars import ContextVar

import pytest
from plimsoll.errors import ClientGone, DeadlineExceeded, Stuck
from plimsoll.inference.task_threads import THREADS, TaskThreads

from tests.doubles.own_tasks import RecordingTask
from tests.doubles.waiting_clients import AGES, at_once, deadline, never
from tests.unit.eventually import eventually

REQUEST: ContextVar[str] = ContextVar("request", default="none")


class Listener(RecordingTask):
    """Keeps also in whose context it was called, as spans need it."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[str] = []

    def ran(self, step: str, seconds: float) -> None:
        """A step of the request of this context."""
        super().ran(step, seconds)
        self.requests.append(REQUEST.get())


class Bench:
    """Threads, their observer, and a clock in the hands of the test."""

    def __init__(self) -> None:
        self.now = 0.0
        self.observer = Listener()
        self.threads = TaskThreads(self.observer, lambda: self.now)
        self.go = threading.Event()
        self.begun: list[str] = []

    def wait(self) -> str:
        """Code that returns when the test says so; on which thread it ran."""
        self.begun.append(threading.current_thread().name)
        assert self.go.wait(AGES)
        return self.begun[-1]

    async def hang(self) -> None:
        """Have code that does not return hold all threads, with no request that waits for it."""
        for _ in range(THREADS):
            with pytest.raises(DeadlineExceeded):
                await self.threads.run("read", self.wait, deadline(0.01), never)
        await eventually(lambda: len(self.begun) == THREADS)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    made.go.set()
    made.threads.close()


async def test_code_runs_off_the_event_loop_in_the_context_of_its_request_and_is_timed(bench: Bench) -> None:
    REQUEST.set("mine")

    def code() -> tuple[str, str]:
        return threading.current_thread().name, REQUEST.get()

    thread, seen = await bench.threads.run("write", code, deadline(), never)
    assert thread != threading.current_thread().name
    assert seen == "mine"
    assert (bench.observer.steps, bench.observer.begun, bench.observer.requests) == (["write"], 1, ["mine"])


async def test_an_error_of_the_code_reaches_its_request(bench: Bench) -> None:
    def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        await bench.threads.run("read", fail, deadline(), never)
    assert bench.observer.steps == ["read"]
    assert bench.threads.held_since is None


async def test_no_more_than_two_run_at_once_and_the_others_wait_their_turn(bench: Bench) -> None:
    asking = [asyncio.create_task(bench.threads.run("read", bench.wait, deadline(), never)) for _ in range(5)]
    await eventually(lambda: len(bench.begun) == THREADS)
    await asyncio.sleep(0.01)
    assert len(bench.begun) == THREADS
    bench.go.set()
    assert len(await asyncio.gather(*asking)) == 5


async def test_the_client_that_leaves_is_not_waited_for_and_what_has_not_begun_never_does(bench: Bench) -> None:
    held = [asyncio.create_task(bench.threads.run("read", bench.wait, deadline(), never)) for _ in range(THREADS)]
    await eventually(lambda: len(bench.begun) == THREADS)
    with pytest.raises(ClientGone):
        await bench.threads.run("read", bench.wait, deadline(), at_once)
    with pytest.raises(DeadlineExceeded):
        await bench.threads.run("read", bench.wait, deadline(0.01), never)
    bench.go.set()
    await asyncio.gather(*held)
    assert await bench.threads.run("read", lambda: "next", deadline(), never) == "next"
    assert len(bench.begun) == THREADS


async def test_once_abandoned_code_holds_all_threads_requests_are_refused_at_once_until_it_returns(
    bench: Bench,
) -> None:
    await bench.hang()
    bench.now = 0.5
    with pytest.raises(DeadlineExceeded):  # for a moment it may just be slow
        await bench.threads.run("read", bench.wait, deadline(0.01), never)
    bench.now = 2.0
    with pytest.raises(Stuck, match="does not return, and holds all of its threads"):
        await bench.threads.run("read", bench.wait, deadline(), never)
    assert bench.threads.held_since == 0.0
    bench.go.set()
    await eventually(lambda: bench.threads.held_since is None)
    assert await bench.threads.run("read", lambda: "well", deadline(), never) == "well"


async def test_threads_that_hang_hold_up_no_others(bench: Bench) -> None:
    await bench.hang()
    other = TaskThreads(RecordingTask())
    assert await other.run("read", lambda: "mine", deadline(), never) == "mine"
    other.close()


async def test_closed_threads_end_once_their_work_returns(bench: Bench) -> None:
    before = set(threading.enumerate())  # with threads of tests before this one, which may end at any time

    def own() -> int:
        return sum(each.name == "task" for each in set(threading.enumerate()) - before)

    await bench.hang()
    assert own() == THREADS
    bench.threads.close()
    bench.go.set()
    await eventually(lambda: own() == 0)
