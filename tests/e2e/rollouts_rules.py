"""The analysis of two other tools, by the numbers in their own documentation, on a recorded stream of counts.

Argo Rollouts, docs/features/analysis.md: the template `success-rate` measures the share of requests that did not fail
every 5 minutes; the condition of success is `result >= 0.95`, and three measurements below abort the rollout. The
template knows no latency. Whoever wants that writes a query and a limit, for which the documentation names no number;
here a p95 of at most 500 ms, which is Flagger's.

Flagger, docs.flagger.app/usage/metrics and /usage/how-it-works: each minute `request-success-rate` of that minute is at
least 99 percent, and `request-duration`, the 99th percentile, at most 500 ms. Each minute in which one of them fails is
a failed check, and five (`threshold`) roll back.

Both look at the canary alone, with limits that somebody chose before. A window without requests is no failed check
here, though Flagger takes it for one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from plimsoll.judge.counts import Interval

from tests.e2e.rollouts_stream import Sum, summed

MOST_SECONDS = 0.5


class Rule(NamedTuple):
    """Rolls back at so many windows of the canary, of so many seconds, that are not good."""

    name: str
    window_seconds: float
    failures: int
    is_good: Callable[[Sum], bool]


def _succeeds(least: float) -> Callable[[Sum], bool]:
    return lambda canary: canary.failed <= (1 - least) * canary.requests


def _is_fast(share: float) -> Callable[[Sum], bool]:
    return lambda canary: (canary.quantile(share) or 0.0) <= MOST_SECONDS


def _flaggers(canary: Sum) -> bool:
    return _succeeds(0.99)(canary) and _is_fast(0.99)(canary)


ARGO_SUCCESS = Rule("Argo Rollouts, success-rate >= 0.95", 300, 3, _succeeds(0.95))
ARGO_LATENCY = Rule("Argo Rollouts, p95 <= 500 ms", 300, 3, _is_fast(0.95))
FLAGGER = Rule("Flagger, success >= 99 %, p99 <= 500 ms", 60, 5, _flaggers)
RULES = (ARGO_SUCCESS, ARGO_LATENCY, FLAGGER)


def seconds_to_rollback(rule: Rule, intervals: Sequence[Interval]) -> float | None:
    """When a rule rolls back, in seconds from the start of the stream; `None` if it does not before its end."""
    failed = 0
    for end, canary in _windows(rule.window_seconds, intervals):
        failed += canary.requests > 0 and not rule.is_good(canary)
        if failed >= rule.failures:
            return end - intervals[0].start_seconds
    return None


def _windows(seconds: float, intervals: Sequence[Interval]) -> Iterator[tuple[float, Sum]]:
    """The end of each whole window, and what the canary did in the intervals that end in it."""
    if not intervals:
        return
    begins = intervals[0].start_seconds
    while begins + seconds <= intervals[-1].end_seconds:
        ends = begins + seconds
        yield ends, summed(pod for each in intervals if begins < each.end_seconds <= ends for pod in each.canary)
        begins = ends
