from __future__ import annotations

import pytest
from plimsoll.telemetry.metric_catalog import MetricCatalog
from prometheus_client import CollectorRegistry, generate_latest


def edges_of(objective_seconds: float) -> list[float]:
    """The edges of the duration histogram as a scrape shows them, infinity left out."""
    catalog = MetricCatalog(CollectorRegistry(), objective_seconds)
    catalog.requests.duration.labels("tiny", "1", "v1").observe(0.05)
    lines = generate_latest(catalog.registry).decode().splitlines()
    buckets = [line for line in lines if line.startswith("plimsoll_request_duration_seconds_bucket")]
    return [float(line.partition('le="')[2].partition('"')[0]) for line in buckets][:-1]


def test_every_metric_is_described_as_it_is_scraped() -> None:
    catalog = MetricCatalog(CollectorRegistry(), 0.1)
    described = {each.name.removesuffix("_total"): (each.kind, each.meaning) for each in catalog.descriptions}
    assert described == {family.name: (family.type, family.documentation) for family in catalog.registry.collect()}


def test_names_have_the_prefix_and_say_their_unit() -> None:
    for each in MetricCatalog(CollectorRegistry(), 0.1).descriptions:
        assert each.name.startswith("plimsoll_")
        assert each.name.endswith("_total") == (each.kind == "counter")
        assert not each.name.endswith(("_ms", "_milliseconds", "_percent"))


def test_what_no_model_has_to_do_with_is_there_from_the_start() -> None:
    text = generate_latest(MetricCatalog(CollectorRegistry(), 0.25).registry).decode()
    assert "plimsoll_requests_in_flight 0.0" in text
    assert 'plimsoll_spans_total{result="dropped"} 0.0' in text


@pytest.mark.parametrize(("objective", "edge"), [(0.1, "0.1"), (1, "1.0"), (600.0, "600.0"), (0.0004, "0.0004")])
def test_the_objective_names_its_edge_as_the_histogram_does(objective: float, edge: str) -> None:
    catalog = MetricCatalog(CollectorRegistry(), objective)
    catalog.requests.duration.labels("tiny", "1", "v1")
    text = generate_latest(catalog.registry).decode()
    assert f'plimsoll_objective_seconds{{edge="{edge}"}}' in text
    assert f'le="{edge}"' in text


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
