"""Whose code was at work in sampled stacks. Pure."""

from __future__ import annotations

from collections import Counter

_PARTS = (
    ("front and task: decode and encode", ("plimsoll/fronts/", "plimsoll/tasks/")),
    ("line: select, admit, batch, scatter", ("plimsoll/inference/", "plimsoll/control/")),
    ("model", ("plimsoll/runtime/", "torch/")),
    (
        "metrics",
        (
            "plimsoll/telemetry/inference_observer",
            "plimsoll/telemetry/metric_catalog",
            "prometheus_client/",
        ),
    ),
    ("traces", ("plimsoll/telemetry/", "opentelemetry/")),
    ("edge: handler, request scope, keys", ("plimsoll/api/", "plimsoll/access/")),
    ("logging", ("logging/", "pythonjsonlogger/")),
    ("FastAPI", ("fastapi/",)),
    ("Starlette", ("starlette/",)),
    ("uvicorn and the sockets", ("uvicorn/", "plimsoll/server/")),
    ("asyncio", ("asyncio/", "uvloop/")),
)


def self_time_by_part(stacks: Counter[str]) -> list[tuple[str, float]]:
    """The share of the samples in which each part was at work, largest first.

    A stack is written as py-spy's raw format writes it: `outer (file:line);inner (file:line)`. A sample
    counts for the innermost code that belongs to a part, so that what runs in C, in numpy or in the standard library is
    its caller's: the JSON decoder is the front's and system calls are uvicorn's.
    """
    counts: Counter[str] = Counter()
    for stack, count in stacks.items():
        counts[_part_of(stack)] += count
    total = counts.total()
    return [(part, count / total) for part, count in counts.most_common()]


def _part_of(stack: str) -> str:
    for frame in reversed(stack.split(";")):
        for part, marks in _PARTS:
            if any(mark in frame for mark in marks):
                return part
    return "other"
