from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from service.inference.ports import Outcome
from service.telemetry.inference_observer import UNKNOWN, InferenceObserver
from service.telemetry.metric_catalog import MetricCatalog

LABELS = {"model": "tiny", "version": "1", "protocol": "v1"}
FACTS = {"digest": "abc", "format": "safetensors", "device": "cpu"}


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def observer(registry: CollectorRegistry) -> InferenceObserver:
    return InferenceObserver(MetricCatalog(registry, 0.1))


def finish(observer: InferenceObserver, code: int, seconds: float = 0.02, model: str = "tiny") -> None:
    observer.request_started()
    observer.request_finished(Outcome("v1", model, "1" if model else "", code, seconds))


def requests(registry: CollectorRegistry, code: int, **labels: str) -> float | None:
    return registry.get_sample_value("plimsoll_requests_total", {**LABELS, "code": str(code), **labels})


def test_a_version_that_is_ready_has_series_at_zero(registry: CollectorRegistry, observer: InferenceObserver) -> None:
    observer.version_ready("tiny", "1", FACTS, 0.5)
    assert requests(registry, 200) == 0
    assert registry.get_sample_value("plimsoll_request_duration_seconds_count", LABELS) == 0
    assert registry.get_sample_value("plimsoll_model_info", {"model": "tiny", "version": "1", **FACTS}) == 1
    assert registry.get_sample_value("plimsoll_model_load_seconds", {"model": "tiny", "version": "1"}) == 0.5


def test_requests_are_counted_by_how_they_ended(registry: CollectorRegistry, observer: InferenceObserver) -> None:
    for code in (200, 200, 422, 499):
        finish(observer, code)
    assert [requests(registry, code) for code in (200, 422, 499)] == [2, 1, 1]


def test_only_what_a_model_answered_enters_the_histogram(
    registry: CollectorRegistry, observer: InferenceObserver
) -> None:
    for code in (200, 422, 500, 503):
        finish(observer, code, seconds=0.25)
    assert registry.get_sample_value("plimsoll_request_duration_seconds_count", LABELS) == 1
    assert registry.get_sample_value("plimsoll_request_duration_seconds_sum", LABELS) == 0.25


def test_requests_in_flight_rise_and_fall(registry: CollectorRegistry, observer: InferenceObserver) -> None:
    observer.request_started()
    observer.request_started()
    assert registry.get_sample_value("plimsoll_requests_in_flight") == 2
    observer.request_finished(Outcome("v1", "tiny", "1", 200, 0.1))
    observer.request_finished(Outcome("v1", "", "", 404, 0.1))
    assert registry.get_sample_value("plimsoll_requests_in_flight") == 0


def test_what_a_client_made_up_becomes_one_series(registry: CollectorRegistry, observer: InferenceObserver) -> None:
    finish(observer, 404, model="")
    finish(observer, 404, model="")
    assert requests(registry, 404, model=UNKNOWN, version=UNKNOWN) == 2
