"""`plimsoll rollout run` as a process, and the way to Prometheus that it gets."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.cluster import Cluster
from tests.e2e.observers import InClusterPrometheus
from tests.e2e.release import CHART

PROMOTED, ROLLED_BACK, UNDECIDED = 0, 3, 4
"""Exit codes of the command."""
_PLIMSOLL = Path(sys.executable).with_name("plimsoll")
_REPOSITORY = Path(__file__).parents[2]


@contextmanager
def prometheus_url(prometheus: InClusterPrometheus) -> Iterator[str]:
    """An address on this machine that leads to Prometheus through the API server, whichever pod it has by then."""
    command = ["kubectl", "proxy", "--port=0", "--address=127.0.0.1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as proxy:
        assert proxy.stdout is not None
        told = re.search(r"127\.0\.0\.1:(\d+)", proxy.stdout.readline())
        assert told is not None, "kubectl proxy did not say where it listens"
        try:
            service = f"/api/v1/namespaces/{prometheus.namespace}/services/prometheus-operated:9090/proxy"
            yield f"http://127.0.0.1:{told[1]}{service}"
        finally:
            proxy.terminate()
            proxy.wait(timeout=10)


def run_command(url: str, namespace: str, name: str, version: str, *options: str) -> list[str]:
    """The command that rolls a version of the model out."""
    return [
        str(_PLIMSOLL), "rollout", "run", name, "--namespace", namespace, "--chart", str(CHART), "--prometheus", url,
        "--model-version", version, *options,
    ]  # fmt: skip


def tell_command(wish: str, namespace: str, name: str) -> list[str]:
    """The command with which a person decides: step, promote or abort."""
    return [str(_PLIMSOLL), "rollout", wish, name, "--namespace", namespace]


class Driver:
    """The command for one release; may be killed and started again. What it prints goes to a file."""

    def __init__(self, command: list[str], output: Path) -> None:
        self._command = command
        self._output = output
        self._process: subprocess.Popen[bytes] | None = None
        self.starts = 0

    def start(self) -> None:
        """Begin, or go on where another process stopped."""
        with self._output.open("ab") as file:
            self._process = subprocess.Popen(
                self._command, cwd=_REPOSITORY, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT
            )
        self.starts += 1

    def wait(self, seconds: float) -> int | None:
        """Its exit code, or `None` if it still runs after so many seconds."""
        assert self._process is not None
        try:
            return self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        """End it with SIGKILL."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(timeout=10)

    def said(self) -> str:
        """What it has printed so far, all its processes together."""
        return self._output.read_text(encoding="utf-8", errors="replace")

    def to_the_end(self, seconds: float) -> int:
        """Its exit code.

        Raises:
            AssertionError: it runs longer than that; it is killed.
        """
        code = self.wait(seconds)
        if code is None:
            self.kill()
            raise AssertionError(f"still under way after {seconds:.0f} s; it said:\n{self.said()[-3000:]}")
        return code


def kill_often(driver: Driver, times: int, seed: int) -> int | None:
    """Kill the command at random moments and start it again; the exit code, if it ended before a kill."""
    chance = random.Random(seed)  # noqa: S311  # no secret
    for _ in range(times):
        if (code := driver.wait(chance.uniform(3, 60))) is not None:
            return code
        driver.kill()
        time.sleep(chance.uniform(0, 3))
        driver.start()
    return None


def record_of(cluster: Cluster, name: str) -> dict[str, Any]:
    """The record of a rollout, which the command keeps in a ConfigMap."""
    record: dict[str, Any] = json.loads(cluster.get("configmap", f"{name}-rollout")["data"]["rollout.json"])
    return record
