"""The load generator wrk, pinned to the second core: a closed loop of POST requests, all alike."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.client import Address

_SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local file = io.open("{body}", "rb")
wrk.body = file:read("*a")
file:close()
"""
_TO_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of wrk saw; `failures` are answers outside 2xx and 3xx and connections that broke."""

    requests: int
    failures: int
    per_second: float
    p50_ms: float
    p99_ms: float


def require_wrk() -> None:
    """End the program with the way to get wrk, where it is missing."""
    if shutil.which("wrk") is None:
        sys.exit("this needs wrk, which makes the load: apt install wrk")


def run_wrk(address: Address, path: str, body: Path, connections: int, seconds: float) -> Load:
    """Post the body over that many connections, each with one request in flight, for `seconds` (whole ones)."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(_SCRIPT.format(body=body))
        script.flush()
        url = f"http://{address.host}:{address.port}{path}"
        command = [
            "taskset",
            "--cpu-list",
            "1",
            "wrk",
            "--latency",
            "--threads",
            "1",
            "--connections",
            str(connections),
        ]
        command += ["--duration", f"{max(1, round(seconds))}s", "--script", script.name, url]
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603  # our own command
    return parsed(done.stdout)


def parsed(output: str) -> Load:
    """What wrk has printed.

    Raises:
        LookupError: a line is missing.
    """
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", output)
    failures = int(refused[1]) if refused else 0
    failures += sum(int(count) for count in broken.groups()) if broken else 0
    return Load(
        requests=int(_found(r"(\d+) requests in", output)[1]),
        failures=failures,
        per_second=float(_found(r"Requests/sec:\s+([0-9.]+)", output)[1]),
        p50_ms=_milliseconds(_found(r"50%\s+([0-9.]+)(us|ms|s)", output)),
        p99_ms=_milliseconds(_found(r"99%\s+([0-9.]+)(us|ms|s)", output)),
    )


def _found(pattern: str, output: str) -> re.Match[str]:
    found = re.search(pattern, output)
    if found is None:
        raise LookupError(f"wrk has not said {pattern!r}:\n{output}")
    return found


def _milliseconds(found: re.Match[str]) -> float:
    return float(found[1]) * _TO_MS[found[2]]
