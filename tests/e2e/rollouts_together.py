"""Several rollouts at once, because each of them mostly waits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
MOST_AT_ONCE = 4
"""Releases under load that two cores carry."""


def together(jobs: Mapping[str, Callable[[], T]], most: int = MOST_AT_ONCE) -> dict[str, T]:
    """What each job gives, by its name; at most so many run at a time, in their order.

    All of them end before this returns or raises, since what one of them left behind would disturb what comes next.

    Raises:
        AssertionError: a job failed; the message has the name and the words of each that did.
    """
    with ThreadPoolExecutor(max_workers=most) as pool:
        begun = {name: pool.submit(job) for name, job in jobs.items()}
    faults = {name: future.exception() for name, future in begun.items() if future.exception()}
    if faults:
        words = "\n".join(f"{name}: {type(fault).__name__}: {fault}" for name, fault in faults.items())
        raise AssertionError(f"{len(faults)} of {len(begun)} failed:\n{words}") from next(iter(faults.values()))
    return {name: future.result() for name, future in begun.items()}
