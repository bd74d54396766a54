from __future__ import annotations

import asyncio
import threading

import pytest
from plimsoll.control.load_thread import in_load_thread


class Panic(BaseException):
    """As a library in Rust raises it."""


def raising(error: BaseException) -> None:
    raise error


async def test_work_runs_in_a_daemon_thread_and_its_result_comes_back() -> None:
    thread = await in_load_thread(threading.current_thread)
    assert thread is not threading.current_thread()
    assert thread.daemon


async def test_an_error_comes_back_as_it_is() -> None:
    error = ValueError("it is broken")
    with pytest.raises(ValueError, match="it is broken") as caught:
        await in_load_thread(lambda: raising(error))
    assert caught.value is error


@pytest.mark.parametrize(
    "error",
    [SystemExit(2), KeyboardInterrupt(), GeneratorExit(), StopIteration(), asyncio.CancelledError(), Panic()],
    ids=lambda error: type(error).__name__,
)
async def test_what_would_end_the_event_loop_or_its_tasks_comes_back_as_an_ordinary_error(error: BaseException) -> None:
    with pytest.raises(RuntimeError, match=f"loading raised {type(error).__name__}") as caught:
        await in_load_thread(lambda: raising(error))
    assert caught.value.__cause__ is error


async def test_a_thread_that_hangs_is_left_behind_and_its_end_disturbs_nobody() -> None:
    entered, release = threading.Event(), threading.Event()

    def hang() -> threading.Thread:
        entered.set()
        release.wait(30)
        return threading.current_thread()

    loading = asyncio.create_task(in_load_thread(hang))
    assert await asyncio.to_thread(entered.wait, 30)
    loading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loading
    release.set()
    assert await in_load_thread(lambda: 7) == 7


def test_a_thread_may_end_after_its_event_loop() -> None:
    entered, release = threading.Event(), threading.Event()
    threads: list[threading.Thread] = []

    def hang() -> None:
        threads.append(threading.current_thread())
        entered.set()
        release.wait(30)

    async def leave_it() -> None:
        loading = asyncio.create_task(in_load_thread(hang))
        assert await asyncio.to_thread(entered.wait, 30)
        loading.cancel()

    asyncio.run(leave_it())
    release.set()
    threads[0].join(30)
    assert not threads[0].is_alive()
