from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from service.inference.payloads import BatchReport
from service.inference.ports import Outcome
from service.telemetry.inference_observer import SHED_REASONS, UNKNOWN, InferenceObserver
from service.telemetry.metric_catalog import MetricCatalog

LABELS = {"model": "tiny", "version": "1", "protocol": "v1"}
FACTS = {"digest": "abc", "format": "safetensors", "device": "cpu"}


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def observer(registry: CollectorRegistry) -> InferenceObserver:
    return InferenceObserver(MetricCatalog(registry, 0.1))


def finish(
    observer: InferenceObserver, code: int, seconds: float = 0.02, model: str = "tiny", reason: str = ""
) -> None:
    observer.request_started()
    observer.request_finished(Outcome("v1", model, "1" if model else "", code, seconds, reason))


def requests(registry: CollectorRegistry, code: int, **labels: str) -> float | None:
    return registry.get_sample_value("plimsoll_requests_total", {**LABELS, "code": str(code), **labels})


def of_tiny(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(f"plimsoll_{name}", {"model": "tiny", "version": "1", **labels})


def test_a_version_that_is_ready_has_series_at_zero(registry: CollectorRegistry, observer: InferenceObserver) -> None:
    observer.version_ready("tiny", "1", FACTS, 0.5)
    assert requests(registry, 200) == 0
    assert registry.get_sample_value("plimsoll_request_duration_seconds_count", LABELS) == 0
    assert registry.get_sample_value("plimsoll_model_info", {"model": "tiny", "version": "1", **FACTS}) == 1
    assert of_tiny(registry, "model_load_seconds") == 0.5
    assert [of_tiny(registry, "requests_shed_total", reason=reason) for reason in SHED_REASONS] == [0.0] * 4


def test_a_version_that_is_gone_is_ready_no_more_and_what_it_counted_stays(
    registry: CollectorRegistry, observer: InferenceObserver
) -> None:
    observer.version_ready("tiny", "1", FACTS, 0.5)
    finish(observer, 200)
    observer.version_gone("tiny", "1", FACTS)
    assert of_tiny(registry, "model_info", **FACTS) is None
    assert requests(registry, 200) == 1
    observer.version_ready("tiny", "1", FACTS, 0.25)
    assert (of_tiny(registry, "model_info", **FACTS), of_tiny(registry, "model_load_seconds")) == (1, 0.25)
    assert requests(registry, 200) == 1


def test_when_something_newer_serves_under_the_same_name_only_that_is_ready(
    registry: CollectorRegistry, observer: InferenceObserver
) -> None:
    newer = {**FACTS, "digest": "def"}
    observer.version_ready("tiny", "1", FACTS, 0.5)
    observer.version_gone("tiny", "1", FACTS)
    observer.version_ready("tiny", "1", newer, 0.5)
    assert (of_tiny(registry, "model_info", **FACTS), of_tiny(registry, "model_info", **newer)) == (None, 1)


def test_failed_loads_are_counted_by_the_check_that_failed(
    registry: CollectorRegistry, observer: InferenceObserver
) -> None:
    for check in ("golden", "digest", "golden"):
        observer.load_failed("tiny", "1", check)
    failures = [of_tiny(registry, "model_load_failures_total", check=check) for check in ("golden", "digest", "files")]
    assert failures == [2, 1, None]


def test_a_batch_is_one_size_one_run_and_a_wait_for_each_of_its_requests(
    registry: CollectorRegistry, observer: InferenceObserver
) -> None:
    observer.batch_finished("tiny", "1", BatchReport(rows=5, wait_seconds=(0.25, 0.5, 0.0), forward_seconds=2.0))
    observer.batch_finished("tiny", "1", BatchReport(rows=1, wait_seconds=(0.25,), forward_seconds=1.0))
    observer.batch_finished("other", "1", BatchReport(rows=100, wait_seconds=(9.0,), forward_seconds=9.0))
    names = ("batch_size", "inference_duration_seconds", "queue_wait_seconds")
    assert [(of_tiny(registry, f"{name}_count"), of_tiny(registry, f"{name}_sum")) for name in names] == [
        (2, 6), (2, 3.0), (4, 1.0),
    ]  # fmt: skip
    assert [of_tiny(registry, "batch_size_bucket", le=edge) for edge in ("1.0", "4.0", "8.0")] == [1, 1, 2]


def test_lookups_in_the_response_cache_are_hits_or_misses(
    registry: CollectorRegistry, observer: InferenceObserver
) -> None:
    for found in (True, False, True):
        observer.cache_looked_up("tiny", "1", found)
    assert [of_tiny(registry, "cache_lookups_total", result=result) for result in ("hit", "miss")] == [2, 1]


def test_what_was_refused_or_dropped_is_counted_by_why_and_what_was_wrong_is_not(
    registry: CollectorRegistry, observer: InferenceObserver
) -> None:
    ends = [
        (429, "overloaded"), (429, "overloaded"), (503, "draining"), (504, "deadline_exceeded"), (499, "client_gone"),
        (422, "invalid_input"), (500, "internal"), (200, ""),
    ]  # fmt: skip
    for code, reason in ends:
        finish(observer, code, reason=reason)
    assert [of_tiny(registry, "requests_shed_total", reason=reason) for reason in SHED_REASONS] == [2, 1, 1, 1]
    for reason in ("invalid_input", "internal", ""):
        assert of_tiny(registry, "requests_shed_total", reason=reason) is None
    assert sum(requests(registry, code) or 0 for code in (200, 422, 429, 499, 500, 503, 504)) == len(ends)


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
