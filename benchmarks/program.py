"""A program under measurement: a process group of its own, with a log, of which nothing is left when its block ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import psutil

_STOP_SECONDS = 30.0
_GONE_SECONDS = 2.0
_POLL_SECONDS = 0.05
_Number = TypeVar("_Number", int, float)


class Program:
    """A command that runs for the length of a `with` block, ready when the block begins.

    It works in `folder` and logs there. `ready` is asked again and again until it says yes; what it raises of a
    connection that fails or of something that is not there yet counts as no.
    """

    def __init__(self, command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        self._command = list(command)
        self._folder = folder
        self._environment = dict(environment)
        self._log = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.patience_seconds = 60.0

    def __enter__(self) -> Self:
        try:
            with self._log.open("wb") as log:
                self._process = subprocess.Popen(  # noqa: S603  # our own command
                    self._command,
                    env=self._environment,
                    cwd=self._folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The id of the process, and of its group."""
        assert self._process is not None  # noqa: S101  # inside the block
        return self._process.pid

    def ready(self) -> bool:
        """Whether it serves; a program that serves nothing is ready once it runs."""
        return True

    def log(self) -> str:
        """What it has logged so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def cpu_seconds(self) -> float:
        """The processor time that it and all that it has started have taken so far."""
        return sum(self._of_each(lambda process: sum(process.cpu_times()[:2])))

    def resident_bytes(self) -> int:
        """The memory that it and all that it has started hold; what two processes share counts for both."""
        return sum(self._of_each(lambda process: process.memory_info().rss))

    def peak_bytes(self) -> int:
        """The sum of the most that each of its processes has ever held (Linux: `VmHWM`)."""
        return sum(self._of_each(lambda process: _high_water(process.pid)))

    def freeze(self) -> None:
        """Let it and all that it has started do nothing until the next `thaw`."""
        self._send_to_each(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._send_to_each(signal.SIGCONT)

    def stop(self) -> None:
        """End it and everything that it has started, also what has left its group."""
        if self._process is None:
            return
        tree = self._tree()
        try:
            if self._process.poll() is None:
                self._signal(signal.SIGTERM)
                self._signal(signal.SIGCONT)  # a frozen one hears nothing
                self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        finally:  # also where the wait is interrupted
            self._signal(signal.SIGKILL)
            for process in tree:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            self._process.wait()
            deadline = time.monotonic() + _GONE_SECONDS
            while any(map(_alive, tree)) and time.monotonic() < deadline:
                time.sleep(_POLL_SECONDS)
            self._process = None

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None  # noqa: S101  # only called where there is one
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _send_to_each(self, number: signal.Signals) -> None:
        for process in self._tree():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def _tree(self) -> list[psutil.Process]:
        try:
            root = psutil.Process(self.pid)
            return [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def _of_each(self, measure: Callable[[psutil.Process], _Number]) -> list[_Number]:
        found = []
        for process in self._tree():
            with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError):
                found.append(measure(process))
        return found

    def _wait_until_ready(self) -> None:
        assert self._process is not None  # noqa: S101  # just started
        deadline = time.monotonic() + self.patience_seconds
        while self._process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(LookupError, OSError):
                if self.ready():
                    return
            time.sleep(_POLL_SECONDS)
        state = "ended" if self._process.poll() is not None else "did not become ready"
        raise RuntimeError(f"the server {state}:\n{self.log()}")


def _alive(process: psutil.Process) -> bool:
    """Whether it runs; one that is dead and waits for another to notice does not."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _high_water(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0
