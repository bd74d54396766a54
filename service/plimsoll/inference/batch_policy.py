"""When a batch is closed: a pure function of what is in it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """How large a batch may grow, and how long its first request may wait for company.

    A wait of 0 is none while a request is alone. A batch still collects whatever arrives while the model is busy, and
    a quick one what arrives while the requests in it are read.
    """

    max_rows: int
    max_wait_seconds: float


def due_at(oldest_at: float, rows: int, limits: BatchLimits) -> float:
    """The moment at which a batch with that many rows should run: at once when full, else when its oldest has waited.

    Both times are seconds of one clock.
    """
    return oldest_at if rows >= limits.max_rows else oldest_at + limits.max_wait_seconds
