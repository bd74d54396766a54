"""Observes many values of a histogram at once."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

from prometheus_client import Histogram


def observe_all(histogram: Histogram, values: Sequence[float], example: dict[str, str] | None = None) -> None:
    """Observe each value, for the cost of one in each bucket; with an `example` it is shown with its bucket.

    prometheus-client has no public way to do this: it uses the attributes `_upper_bounds`, `_buckets` and `_sum`.
    """
    if example is not None:
        for value in values:
            histogram.observe(value, example)
        return
    edges = histogram._upper_bounds  # noqa: SLF001  # see above; a test compares with `observe`
    for bucket, number in Counter([bisect_left(edges, value) for value in values]).items():
        histogram._buckets[bucket].inc(number)  # noqa: SLF001
    histogram._sum.inc(sum(values))  # noqa: SLF001
