"""The server under measurement: a process of its own, started on free ports, and stopped by its id."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.client import Address

REPOSITORY = Path(__file__).resolve().parent.parent
_PATIENCE_SECONDS = 60.0
_STOP_SECONDS = 30.0


class Server:
    """`python -m service serve` for the length of a `with` block, ready when the block begins.

    It logs into `folder`; `module` may be another one that serves by the same command. With a `desired` state it
    follows `folder/desired.yaml` and has an admin API.
    """

    def __init__(
        self,
        models: Path,
        folder: Path,
        environment: Mapping[str, str],
        desired: str | None = None,
        module: str = "service",
    ) -> None:
        self._log = folder / "server.log"
        self._environment = {"PLIMSOLL_LOG_FORMAT": "json", "PYTHONPATH": str(REPOSITORY), **environment}
        self._command = [sys.executable, "-m", module, "serve", "--port", "0", "--models", str(models)]
        if desired is not None:
            state = folder / "desired.yaml"
            state.write_text(desired, encoding="utf-8")
            self._environment |= {"PLIMSOLL_DESIRED_STATE": str(state), "PLIMSOLL_ADMIN_PORT": "0"}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PLIMSOLL_", "OTEL_"))}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603  # our own command
                self._command, env={**inherited, **self._environment}, cwd=REPOSITORY, stderr=log
            )
        try:
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
        """The id of the process."""
        assert self._process is not None  # noqa: S101  # inside the block
        return self._process.pid

    @property
    def address(self) -> Address:
        """Where the API listens."""
        return self._listens("listening on")

    @property
    def admin_address(self) -> Address:
        """Where the admin API listens."""
        return self._listens("admin API on")

    def log_lines(self) -> Iterator[dict[str, Any]]:
        """What it has logged so far."""
        with self._log.open(encoding="utf-8") as log:
            for line in log:
                if line.endswith("\n"):
                    yield json.loads(line)

    def stop(self) -> None:
        """End the process, if it still runs."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _listens(self, words: str) -> Address:
        found = re.search(rf"{words} http://([0-9.]+):(\d+)", self._log.read_text(encoding="utf-8"))
        if found is None:
            raise LookupError(f"the log does not say '{words}'")
        return Address(found[1], int(found[2]))

    def _wait_until_ready(self) -> None:
        assert self._process is not None  # noqa: S101  # just started
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                host, port = self.address
                with urllib.request.urlopen(f"http://{host}:{port}/readyz", timeout=5):
                    return
            except (LookupError, urllib.error.URLError, OSError):
                time.sleep(0.05)
        raise RuntimeError(f"the server did not become ready:\n{self._log.read_text(encoding='utf-8')}")
