from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.telemetry.histograms import observe_all
from prometheus_client import CollectorRegistry, Histogram, generate_latest, multiprocess, values
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics

EDGES = (0.5, 1.0, 4.0)
TIMES = st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0, 2.0, 4.0, 8.0]))
"""Sums of these are exact in any order."""


def new_histogram() -> tuple[CollectorRegistry, Histogram]:
    registry = CollectorRegistry()
    return registry, Histogram("wait_seconds", "Wait.", ["model"], buckets=EDGES, registry=registry)


def shown(registry: CollectorRegistry) -> list[str]:
    """The samples without the time at which each series began."""
    return [line for line in generate_latest(registry).decode().splitlines() if "_created" not in line]


@given(st.lists(TIMES, max_size=5))
def test_many_values_at_once_are_the_same_values_one_by_one(groups: list[list[float]]) -> None:
    (one, one_by_one), (all_, at_once) = new_histogram(), new_histogram()
    for group in groups:
        observe_all(at_once.labels("a"), group)
        for value in group:
            one_by_one.labels("a").observe(value)
        one_by_one.labels("a")
    assert shown(all_) == shown(one)


def test_an_example_is_shown_with_its_bucket() -> None:
    registry, histogram = new_histogram()
    observe_all(histogram.labels("a"), [0.75], {"trace_id": "f00"})
    lines = openmetrics(registry).decode().splitlines()  # type: ignore[no-untyped-call]
    assert [line for line in lines if 'le="1.0"' in line and '# {trace_id="f00"} 0.75' in line]


def test_values_reach_the_file_that_several_processes_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    monkeypatch.setattr("prometheus_client.metrics.values.ValueClass", values.MultiProcessValue())  # type: ignore[no-untyped-call]
    _, histogram = new_histogram()
    observe_all(histogram.labels("a"), [0.25, 2.0, 9.0])
    together = CollectorRegistry()
    multiprocess.MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    assert together.get_sample_value("wait_seconds_count", {"model": "a"}) == 3
    assert together.get_sample_value("wait_seconds_bucket", {"model": "a", "le": "4.0"}) == 2
    assert together.get_sample_value("wait_seconds_sum", {"model": "a"}) == 11.25
