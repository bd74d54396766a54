from __future__ import annotations

import pytest
from plimsoll.control.version_registry import VersionState
from plimsoll.telemetry.inference_observer import VersionObserver
from plimsoll.telemetry.metric_catalog import MetricCatalog
from plimsoll.telemetry.version_metrics import CHECKS, STATES, VersionMetrics
from prometheus_client import CollectorRegistry

FACTS = {"digest": "abc", "format": "safetensors", "device": "cpu"}


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> VersionMetrics:
    return VersionMetrics(MetricCatalog(registry, 0.1))


def of_tiny(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(f"plimsoll_model_{name}", {"model": "tiny", "version": "1", **labels})


def test_a_version_that_is_ready_says_what_it_is_and_how_long_it_took(
    registry: CollectorRegistry, metrics: VersionMetrics
) -> None:
    metrics.version_ready("tiny", "1", FACTS, 0.5, 0.25)
    assert of_tiny(registry, "info", **FACTS) == 1
    assert (of_tiny(registry, "load_seconds"), of_tiny(registry, "warmup_seconds")) == (0.5, 0.25)


def test_a_version_that_is_gone_is_ready_no_more(registry: CollectorRegistry, metrics: VersionMetrics) -> None:
    metrics.version_ready("tiny", "1", FACTS, 0.5, 0.25)
    metrics.version_gone("tiny", "1", FACTS)
    assert of_tiny(registry, "info", **FACTS) is None
    metrics.version_ready("tiny", "1", FACTS, 0.75, 0.25)
    assert (of_tiny(registry, "info", **FACTS), of_tiny(registry, "load_seconds")) == (1, 0.75)


def test_when_something_newer_serves_under_the_same_name_only_that_is_ready(
    registry: CollectorRegistry, metrics: VersionMetrics
) -> None:
    newer = {**FACTS, "digest": "def"}
    metrics.version_ready("tiny", "1", FACTS, 0.5, 0.25)
    metrics.version_gone("tiny", "1", FACTS)
    metrics.version_ready("tiny", "1", newer, 0.5, 0.25)
    assert (of_tiny(registry, "info", **FACTS), of_tiny(registry, "info", **newer)) == (None, 1)


def test_the_states_are_those_of_the_registry() -> None:
    assert set(STATES) == {state.value for state in VersionState}


@pytest.mark.parametrize("current", STATES)
def test_a_version_is_in_one_state(registry: CollectorRegistry, metrics: VersionMetrics, current: str) -> None:
    metrics.states_changed({("tiny", "1"): "loading"})
    metrics.states_changed({("tiny", "1"): current})
    assert {state: of_tiny(registry, "state", state=state) for state in STATES} == {
        state: float(state == current) for state in STATES
    }


def test_a_version_that_is_forgotten_is_in_none(registry: CollectorRegistry, metrics: VersionMetrics) -> None:
    metrics.states_changed({("tiny", "1"): "draining", ("tiny", "2"): "ready"})
    metrics.states_changed({("tiny", "2"): "ready"})
    assert [of_tiny(registry, "state", state=state) for state in STATES] == [None] * len(STATES)
    metrics.states_changed({("tiny", "1"): "loading"})
    assert of_tiny(registry, "state", state="loading") == 1


def test_what_is_said_of_a_version_is_said_no_more_once_it_is_forgotten() -> None:
    catalog = MetricCatalog(CollectorRegistry(), 0.1)
    metrics = VersionMetrics(catalog)
    VersionObserver(catalog, "tiny", "1", queue_limit=8)
    metrics.version_ready("tiny", "1", FACTS, 0.5, 0.25)
    metrics.states_changed({("tiny", "1"): "ready"})
    gauges = ("queue_depth", "queue_limit", "model_load_seconds", "model_warmup_seconds")
    labels = {"model": "tiny", "version": "1"}
    assert None not in [catalog.registry.get_sample_value(f"plimsoll_{name}", labels) for name in gauges]
    metrics.states_changed({})
    assert [catalog.registry.get_sample_value(f"plimsoll_{name}", labels) for name in gauges] == [None] * 4


def test_failed_loads_are_counted_by_the_check_that_failed_from_zero(
    registry: CollectorRegistry, metrics: VersionMetrics
) -> None:
    metrics.states_changed({("tiny", "1"): "loading"})
    assert [of_tiny(registry, "load_failures_total", check=check) for check in CHECKS] == [0] * len(CHECKS)
    for check in ("golden", "digest", "golden"):
        metrics.load_failed("tiny", "1", check)
    counted = [of_tiny(registry, "load_failures_total", check=check) for check in ("golden", "digest", "files")]
    assert counted == [2, 1, 0]
