"""A thread for models, which the process does not wait for."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import CancelledError

import pytest
from plimsoll.inference.model_thread import ModelThread

PATIENCE_SECONDS = 30


class Result:
    """Something that can be seen to be freed."""


@pytest.fixture
def thread() -> Iterator[ModelThread]:
    made = ModelThread("inference")
    yield made
    made.shutdown()


def test_work_runs_in_order_on_one_daemon_thread_of_that_name(thread: ModelThread) -> None:
    futures = [thread.submit(lambda number: (number, threading.current_thread()), number) for number in range(5)]
    numbers, threads = zip(*(future.result(PATIENCE_SECONDS) for future in futures), strict=True)
    assert numbers == (0, 1, 2, 3, 4)
    (one,) = set(threads)
    assert (one.name, one.daemon) == ("inference", True)


def test_the_thread_begins_with_what_it_was_given() -> None:
    begun: list[str] = []
    thread = ModelThread("inference", lambda: begun.append(threading.current_thread().name))
    assert begun == []
    assert thread.submit(begun.copy).result(PATIENCE_SECONDS) == ["inference"]
    thread.shutdown()


@pytest.mark.parametrize("error", [ValueError(), SystemExit(1), KeyboardInterrupt(), GeneratorExit()])
def test_whatever_is_raised_is_in_the_future_and_the_thread_goes_on(thread: ModelThread, error: BaseException) -> None:
    def fail() -> None:
        raise error

    failed = thread.submit(fail)
    assert thread.submit(lambda: 1).result(PATIENCE_SECONDS) == 1
    assert failed.exception() is error


def test_after_shutdown_nothing_is_taken_and_what_was_queued_has_run() -> None:
    thread = ModelThread("inference")
    queued = [thread.submit(lambda: 1) for _ in range(3)]
    thread.shutdown(wait=True)
    assert [future.result(0) for future in queued] == [1, 1, 1]
    with pytest.raises(RuntimeError):
        thread.submit(lambda: 1)


def test_a_shutdown_can_cancel_what_is_queued_and_lets_what_runs_end() -> None:
    thread = ModelThread("inference")
    running, release = threading.Event(), threading.Event()

    def run() -> bool:
        running.set()
        return release.wait(PATIENCE_SECONDS)

    first, second = thread.submit(run), thread.submit(lambda: 1)
    assert running.wait(PATIENCE_SECONDS)
    thread.shutdown(wait=False, cancel_futures=True)
    release.set()
    assert first.result(PATIENCE_SECONDS)
    with pytest.raises(CancelledError):
        second.result(0)


def test_nothing_of_a_piece_of_work_is_held_once_it_is_done(thread: ModelThread) -> None:
    gc.disable()
    try:
        given = Result()
        future = thread.submit(lambda _: Result(), given)
        left = [weakref.ref(given), weakref.ref(future.result(PATIENCE_SECONDS))]
        thread.submit(int).result(PATIENCE_SECONDS)
        del given, future
        assert [each() for each in left] == [None, None]
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "hang",
    [
        pytest.param("time.sleep(3600)", id="sleeps"),
        pytest.param("while True: pass", id="computes"),
        pytest.param("while True: big @ big", id="inside of torch"),
    ],
)
def test_the_process_ends_in_good_order_while_a_forward_pass_hangs(hang: str) -> None:
    script = f"""
import time, torch
from plimsoll.inference.model_thread import ModelThread
big = torch.rand(600, 600)
def hang():
    {hang}
thread = ModelThread("inference")
thread.submit(print, "started", flush=True).result()
thread.submit(hang)
"""
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, "started\n")
    assert "the process ends while a forward pass still runs" in ended.stderr


def test_the_process_waits_for_a_forward_pass_that_is_about_to_end() -> None:
    script = """
import threading, time
from plimsoll.inference.model_thread import ModelThread
running = threading.Event()
thread = ModelThread("inference")
thread.submit(lambda: (running.set(), time.sleep(0.05), print("done", flush=True)))
running.wait()
"""
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "done\n", "")
