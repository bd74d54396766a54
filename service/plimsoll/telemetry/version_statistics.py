"""Reads the figures of each version out of the metrics, for the statistics of the Open Inference Protocol."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from prometheus_client import Metric

_OK = "200"
_PLAIN = {
    "plimsoll_batch_size_sum": "rows",
    "plimsoll_batch_size_count": "batches",
    "plimsoll_inference_duration_seconds_sum": "forward_seconds",
    "plimsoll_request_duration_seconds_count": "answered",
    "plimsoll_request_duration_seconds_sum": "answered_seconds",
    "plimsoll_queue_wait_seconds_count": "waits",
    "plimsoll_queue_wait_seconds_sum": "wait_seconds",
}
"""The field of each sample that needs no further look."""


class VersionFigures(NamedTuple):
    """The figures of one version since the server started; times are sums in seconds.

    `answered` requests got 200, and the `failed` ones anything else. `waits` are those of requests for their batch.
    """

    rows: int = 0
    batches: int = 0
    forward_seconds: float = 0.0
    answered: int = 0
    answered_seconds: float = 0.0
    failed: int = 0
    waits: int = 0
    wait_seconds: float = 0.0
    cache_hits: int = 0
    cache_misses: int = 0


NO_FIGURES = VersionFigures()
FiguresByVersion = Mapping[tuple[str, str], VersionFigures]
"""By name and version."""


def figures_by_version(families: Iterable[Metric]) -> FiguresByVersion:
    """The figures of every version in the metrics, added up over protocols."""
    sums: dict[tuple[str, str], Counter[str]] = {}
    for family in families:
        for name, labels, value, *_ in family.samples:
            field = _field(name, labels)
            if field:
                sums.setdefault((labels["model"], labels["version"]), Counter())[field] += value  # type: ignore[assignment]
    return {key: _figures(sum_of) for key, sum_of in sums.items()}


def _field(sample: str, labels: Mapping[str, str]) -> str:
    """The field to which a sample adds; empty for all others."""
    if sample == "plimsoll_requests_total":
        return "" if labels["code"] == _OK else "failed"
    if sample == "plimsoll_cache_lookups_total":
        return "cache_hits" if labels["result"] == "hit" else "cache_misses"
    return _PLAIN.get(sample, "")


def _figures(sums: Mapping[str, float]) -> VersionFigures:
    exact = {name: value if name.endswith("_seconds") else round(value) for name, value in sums.items()}
    return VersionFigures(**exact)  # type: ignore[arg-type]
