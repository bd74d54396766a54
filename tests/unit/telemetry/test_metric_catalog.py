from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from service.telemetry.metric_catalog import MetricCatalog


def edges_of(objective_seconds: float) -> list[float]:
    """The edges of the duration histogram as a scrape shows them, infinity left out."""
    catalog = MetricCatalog(CollectorRegistry(), objective_seconds)
    catalog.requests.duration.labels("tiny", "1", "v1").observe(0.05)
    lines = generate_latest(catalog.registry).decode().splitlines()
    buckets = [line for line in lines if line.startswith("plimsoll_request_duration_seconds_bucket")]
    return [float(line.partition('le="')[2].partition('"')[0]) for line in buckets][:-1]


def test_every_metric_has_the_prefix_and_a_unit_where_it_has_one() -> None:
    catalog = MetricCatalog(CollectorRegistry(), 0.1)
    assert sorted(family.name for family in catalog.registry.collect()) == [
        "plimsoll_batch_size",
        "plimsoll_cache_lookups",
        "plimsoll_inference_duration_seconds",
        "plimsoll_model_info",
        "plimsoll_model_load_failures",
        "plimsoll_model_load_seconds",
        "plimsoll_queue_wait_seconds",
        "plimsoll_request_duration_seconds",
        "plimsoll_requests",
        "plimsoll_requests_in_flight",
        "plimsoll_requests_shed",
    ]


@pytest.mark.parametrize("objective", [0.1, 0.123, 0.0004, 600.0])
def test_the_objective_is_an_edge_of_the_histogram(objective: float) -> None:
    edges = edges_of(objective)
    assert objective in edges
    assert edges == sorted(set(edges))


def test_an_objective_that_is_an_edge_already_adds_none() -> None:
    assert len(edges_of(0.123)) == len(edges_of(0.1)) + 1


def test_two_catalogs_share_nothing() -> None:
    first, second = MetricCatalog(CollectorRegistry(), 0.1), MetricCatalog(CollectorRegistry(), 0.1)
    first.requests.ended.labels("tiny", "1", "v1", "200").inc()
    assert b'code="200"' in generate_latest(first.registry)
    assert b'code="200"' not in generate_latest(second.registry)
