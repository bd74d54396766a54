"""`plimsoll serve` as the process that a user starts."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil

_PATIENCE_SECONDS = 60.0
_Found = TypeVar("_Found")


def surroundings(variables: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process: these variables, and those of the tests that are no settings.

    The tests' own `PYTHONPATH` comes behind a further one, because it may name the compiled service.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PLIMSOLL_", "OTEL_"))}
    paths = [each["PYTHONPATH"] for each in (variables, inherited) if "PYTHONPATH" in each]
    return {**inherited, **variables, **({"PYTHONPATH": os.pathsep.join(paths)} if paths else {})}


class ServedProcess:
    """Starts the command on a free port, `within` another command where one is given; reads its log, and ends it."""

    def __init__(self, models: Path, within: Sequence[str] = ()) -> None:
        self._models = models
        self._within = within
        self._process: subprocess.Popen[bytes] | None = None
        self._log = tempfile.NamedTemporaryFile(prefix="plimsoll-log-")  # noqa: SIM115  # lives as long as the process

    def start(self, *arguments: str, **environment: str) -> None:
        """Start it with further arguments and variables; returns at once."""
        self.run("serve", "--port", "0", "--models", str(self._models), *arguments, **environment)

    def run(self, *arguments: str, **environment: str) -> None:
        """Start a command of `plimsoll` with variables; returns at once."""
        command = [*self._within, sys.executable, "-m", "plimsoll", *arguments]
        variables = {"PLIMSOLL_LOG_FORMAT": "json", "PLIMSOLL_ADMIN_PORT": "0", **environment}
        self._process = subprocess.Popen(command, env=surroundings(variables), stderr=self._log)

    @property
    def pid(self) -> int:
        """The process that was started."""
        assert self._process is not None
        return self._process.pid

    def log(self) -> str:
        """Everything it has written so far."""
        return Path(self._log.name).read_text(encoding="utf-8")

    def lines(self) -> list[dict[str, Any]]:
        """The log lines, parsed; fails on one that is not JSON."""
        return [json.loads(line) for line in self.log().splitlines()]

    def wait_for_log(self, pattern: str) -> re.Match[str]:
        """The first match in the log."""
        return self.wait_for(lambda: re.search(pattern, self.log()), f"'{pattern}' in the log")

    @property
    def url(self) -> str:
        """Where it listens, read from its log."""
        return self.wait_for_log(r"listening on (http://(?:[0-9.]+|\[[0-9a-f:]+\]):\d+)")[1]

    def ready(self) -> str:
        """Wait until it is ready; the URL."""
        url = self.url
        self.wait_for(lambda: self._status(url + "/readyz") == httpx.codes.OK, "ready")
        return url

    def signal(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def exit_code(self) -> int:
        """Wait until it ends; its exit code."""
        assert self._process is not None
        return self._process.wait(_PATIENCE_SECONDS)

    def kill(self) -> None:
        """End it if it still runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(60)
        self._log.close()

    def workers(self) -> list[psutil.Process]:
        """The processes that it has forked."""
        assert self._process is not None
        return psutil.Process(self._process.pid).children()

    def shares_of_workers(self, connections: int) -> list[int]:
        """How many of so many new connections each of its workers takes; they are closed again."""
        url = httpx.URL(self.url)

        def shares() -> list[int]:
            return [
                sum(each.status == psutil.CONN_ESTABLISHED and each.laddr.port == url.port for each in connected)
                for connected in (worker.net_connections() for worker in self.workers())
            ]

        with contextlib.ExitStack() as clients:
            for _ in range(connections):
                clients.enter_context(socket.create_connection((url.host, url.port or 0)))
            return self.wait_for(
                lambda: found if sum(found := shares()) == connections else None, f"{connections} connections"
            )

    def wait_until_workers_listen(self, workers: int) -> None:
        """Wait until each takes connections, a moment after its model is ready; before that a signal just ends it."""
        self.wait_for_log(rf"(?s)(is ready on cpu.*){{{workers}}}")
        self.wait_for(lambda: len(found := self.shares_of_workers(8 * workers)) == workers and all(found), "listeners")

    def wait_for(self, look: Callable[[], _Found | None], what: str) -> _Found:
        """What `look` gives once it gives something."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if found := look():
                return found
            assert self._process is not None
            assert self._process.poll() is None, f"it ended before there was {what}:\n{self.log()}"
            time.sleep(0.02)
        raise AssertionError(f"waited in vain for {what}:\n{self.log()}")

    @staticmethod
    def _status(url: str) -> int:
        try:
            return httpx.get(url).status_code
        except httpx.HTTPError:
            return 0
