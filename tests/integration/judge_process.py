"""`plimsoll judge serve` as the process that a user starts."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

_PATIENCE_SECONDS = 60.0


class JudgeProcess:
    """Has a port from the beginning, so that a Prometheus can scrape it that it reads itself."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._log = tempfile.NamedTemporaryFile(prefix="plimsoll-judge-")  # noqa: SIM115  # lives as long as the process
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, prometheus: str, *options: str) -> None:
        """Start it, and wait until it is ready."""
        command = [sys.executable, "-m", "plimsoll", "judge", "serve", "--port", str(self._port)]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PLIMSOLL_", "OTEL_"))}
        self._process = subprocess.Popen(
            [*command, "--prometheus", prometheus, *options], env=inherited, stderr=self._log
        )
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            assert self._process.poll() is None, Path(self._log.name).read_text(encoding="utf-8")
            try:
                if httpx.get(f"{self.url}/readyz").is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        raise AssertionError("the judge did not become ready")

    def stop(self) -> None:
        """End it if it runs."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)
        self._log.close()
