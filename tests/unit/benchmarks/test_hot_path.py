from __future__ import annotations

from collections import Counter

import pytest

from benchmarks.stacks import self_time_by_part
from benchmarks.wrk import Load, parsed

QUIET = """Running 10s test @ http://127.0.0.1:8000/v1/predict
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency    24.97ms    3.62ms  60.33ms   92.35%
    Req/Sec     2.57k   213.79     2.86k    87.00%
  Latency Distribution
     50%  980.00us
     75%   24.83ms
     90%   26.95ms
     99%    1.20s
  25620 requests in 10.01s, 6.89MB read
Requests/sec:   2558.92
Transfer/sec:    704.89KB
     95%  25.50ms
"""


def test_what_wrk_prints_is_read() -> None:
    assert parsed(QUIET) == Load(
        requests=25620, failures=0, per_second=2558.92, p50_ms=0.98, p95_ms=25.5, p99_ms=1200.0
    )


def test_refused_and_broken_requests_are_failures() -> None:
    troubled = QUIET.replace(
        "Requests/sec",
        "  Socket errors: connect 0, read 3, write 1, timeout 2\n  Non-2xx or 3xx responses: 40\nRequests/sec",
    )
    assert parsed(troubled).failures == 46


def test_a_line_that_is_missing_is_named() -> None:
    with pytest.raises(LookupError, match="requests in"):
        parsed("unable to connect")


def test_a_sample_counts_for_the_innermost_python_code() -> None:
    outer = "main (plimsoll/__main__.py:6);run (uvicorn/server.py:67)"
    stacks = Counter(
        {
            f"{outer};__call__ (starlette/routing.py:1);parse (plimsoll/fronts/v1_json.py:50)": 10,
            f"{outer};run (plimsoll/runtime/pytorch/torch_model.py:50);linear (torch/nn/functional.py:9)": 5,
            f"{outer};__call__ (starlette/routing.py:1);uuid4 (uuid.py:723)": 4,
            f"{outer}": 1,
        }
    )
    assert self_time_by_part(stacks) == [
        ("front and task: decode and encode", 0.5),
        ("model", 0.25),
        ("Starlette", 0.2),
        ("uvicorn and the sockets", 0.05),
    ]
