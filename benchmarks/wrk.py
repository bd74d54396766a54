"""The load generator wrk, pinned to the second core: a closed loop of POST requests, alike or with bodies by turns."""

from __future__ import annotations

import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.client import Address

_SCRIPT = r"""
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local bodies, requests, at = {}, {}, 0
for path in string.gmatch([[{bodies}]], "[^\n]+") do
  local file = io.open(path, "rb")
  bodies[#bodies + 1] = file:read("*a")
  file:close()
end
wrk.body = bodies[1]
if #bodies > 1 then
  request = function()
    if #requests == 0 then
      for place, body in ipairs(bodies) do requests[place] = wrk.format(nil, nil, nil, body) end
    end
    at = at % #requests + 1
    return requests[at]
  end
end
done = function(summary, latency, requests)
  io.write(string.format("     95%%  %.2fus\n", latency:percentile(95.0)))
end
"""
CORE = "1"
"""Where the load generator runs."""
_TO_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of wrk saw; `failures` are answers outside 2xx and 3xx and connections that broke.

    `core_share` is how much of its core the generator took itself.
    """

    requests: int
    failures: int
    per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    core_share: float = 0.0


def require_wrk() -> None:
    """End the program with the way to get wrk, where it is missing."""
    if shutil.which("wrk") is None:
        sys.exit("this needs wrk, which makes the load: apt install wrk")


def run_wrk(
    address: Address,
    path: str,
    body: Path | Sequence[Path],
    connections: int,
    seconds: float,
    headers: Mapping[str, str] | None = None,
) -> Load:
    """Post the body over that many connections, each with one request in flight, for `seconds` (whole ones).

    Several bodies are posted one after the other.
    """
    bodies = "\n".join(map(str, [body] if isinstance(body, Path) else body))
    lines = [f'wrk.headers["{name}"] = "{value}"' for name, value in (headers or {}).items()]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write("\n".join([_SCRIPT.replace("{bodies}", bodies), *lines]))
        script.flush()
        command = ["taskset", "--cpu-list", CORE, "wrk", "--latency", "--threads", "1"]
        command += ["--connections", str(connections), "--duration", f"{max(1, round(seconds))}s", "--timeout", "30s"]
        command += ["--script", script.name, f"http://{address.host}:{address.port}{path}"]
        started, before = time.perf_counter(), _cpu_seconds_of_children()
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603  # our own command
    share = (_cpu_seconds_of_children() - before) / (time.perf_counter() - started)
    return replace(parsed(done.stdout), core_share=share)


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
        p95_ms=_milliseconds(_found(r"95%\s+([0-9.]+)(us|ms|s)", output)),
        p99_ms=_milliseconds(_found(r"99%\s+([0-9.]+)(us|ms|s)", output)),
    )


def _found(pattern: str, output: str) -> re.Match[str]:
    found = re.search(pattern, output)
    if found is None:
        raise LookupError(f"wrk has not said {pattern!r}:\n{output}")
    return found


def _milliseconds(found: re.Match[str]) -> float:
    return float(found[1]) * _TO_MS[found[2]]


def _cpu_seconds_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
