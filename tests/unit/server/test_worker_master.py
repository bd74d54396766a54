"""When the master starts workers, when it pauses, and what ends it."""

from __future__ import annotations

import errno
import logging
import os
import signal
import subprocess
import sys
from typing import Any

import pytest
from gunicorn.app.base import BaseApplication
from plimsoll.server.worker_master import REFUSED, WorkerMaster

PATIENCE_SECONDS = 60
WORKER_WHOSE_MASTER_ENDS = """
import os, signal, sys, time
from plimsoll.server.worker_master import MasterWatch
watch = MasterWatch()
reading, writing = os.pipe()
if os.fork():
    os.read(reading, 1)  # the worker watches
    os._exit(0)
signal.signal(signal.SIGTERM, lambda *_: (print("told to stop", flush=True), os._exit(0)))
watch.watch()
os.write(writing, b"1")
time.sleep(600)
"""


class QuietLog:
    """gunicorn's logger, without handlers of its own."""

    def __init__(self, _cfg: object) -> None:
        self._log = logging.getLogger("test.gunicorn")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)


class Worker:
    """A worker that is made and never forked."""

    def __init__(self, *_: object) -> None:
        """Take whatever gunicorn gives to a worker."""


class Application(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    """The application that gunicorn asks for; it is never loaded here."""

    def load_config(self) -> None:
        self.cfg.set("logger_class", QuietLog)
        self.cfg.set("workers", 2)
        self.cfg.set("worker_class", Worker)

    def load(self) -> Any:
        raise AssertionError("no worker is forked here")


class CountedMaster(WorkerMaster):
    """Counts the workers that it would fork."""

    spawned = 0

    def spawn_worker(self) -> None:
        self.spawned += 1


@pytest.fixture
def master(monkeypatch: pytest.MonkeyPatch) -> CountedMaster:
    """A master of two workers, none of which serves yet."""
    monkeypatch.setenv("SERVER_SOFTWARE", "")  # gunicorn sets it
    return CountedMaster(Application(), lambda: False)


def queued(master: WorkerMaster) -> list[int]:
    signals = []
    while not master.SIG_QUEUE.empty():
        signals.append(master.SIG_QUEUE.get_nowait())
    return signals


def test_a_worker_that_ends_young_is_replaced_after_a_pause(master: CountedMaster) -> None:
    master.spawn_workers()
    assert master.spawned == 2
    master.worker_ended(lived_seconds=0.1)
    master.spawn_workers()
    assert master.spawned == 2


def test_a_worker_that_lived_long_is_replaced_at_once(master: CountedMaster) -> None:
    master.worker_ended(lived_seconds=3600)
    master.spawn_workers()
    assert master.spawned == 2


def test_the_pauses_grow_and_are_half_a_minute_at_most(master: CountedMaster, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("plimsoll.server.worker_master.time.monotonic", lambda: now)
    pauses = []
    for _ in range(8):
        master.worker_ended(lived_seconds=0.1)
        begun, master.spawned = now, 0
        while not master.spawned:
            now += 0.5
            master.spawn_workers()
        pauses.append(now - begun)
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_the_second_signal_to_stop_ends_the_workers_at_once(master: WorkerMaster, first: signal.Signals) -> None:
    master.signal(first, None)
    master.signal(signal.SIGHUP, None)
    master.signal(signal.SIGTERM, None)
    assert queued(master) == [first, signal.SIGHUP, signal.SIGQUIT]


def test_ctrl_c_drains_as_sigterm_does(master: WorkerMaster) -> None:
    with pytest.raises(StopIteration):
        master.handle_int()


def test_sigusr2_starts_no_second_program(master: WorkerMaster, caplog: pytest.LogCaptureFixture) -> None:
    master.handle_usr2()
    assert "SIGUSR2 is ignored; SIGHUP replaces the workers" in caplog.text


def test_a_refused_worker_ends_the_server_only_while_none_has_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVER_SOFTWARE", "")
    serving = False
    master = CountedMaster(Application(), lambda: serving)
    master.manage_workers()
    assert master.WORKER_BOOT_ERROR == REFUSED
    serving = True
    master.manage_workers()
    serving = False
    master.manage_workers()
    assert master.WORKER_BOOT_ERROR != REFUSED


def test_where_the_system_has_no_room_for_a_worker_it_is_tried_again_later(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse() -> int:
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setenv("SERVER_SOFTWARE", "")
    monkeypatch.setattr(os, "fork", refuse)
    master = WorkerMaster(Application(), lambda: False)
    master.pid = os.getpid()  # which it notes when it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    assert master.spawn_worker() is None
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before
    assert "cannot start a worker: Resource temporarily unavailable; trying again later" in caplog.text
    caplog.clear()
    master.spawn_workers()
    assert caplog.text == ""


def test_a_worker_is_told_to_stop_when_its_master_is_gone() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", WORKER_WHOSE_MASTER_ENDS],
        capture_output=True, text=True, check=True, timeout=PATIENCE_SECONDS,
    )  # fmt: skip
    assert ran.stdout == "told to stop\n"
