from __future__ import annotations

from plimsoll.telemetry.metric_catalog import MetricCatalog
from plimsoll.telemetry.task_metrics import VersionTaskObserver
from prometheus_client import CollectorRegistry

LABELS = {"model": "tiny", "version": "1"}


class Spans:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, str, str, float]] = []

    def task_ran(self, model: str, version: str, step: str, seconds: float) -> None:
        """A step."""
        self.ran.append((model, version, step, seconds))


def sample(registry: CollectorRegistry, metric: str, **labels: str) -> float | None:
    return registry.get_sample_value(metric, {**LABELS, **labels})


def test_steps_are_observed_from_the_start_and_make_spans() -> None:
    registry, spans = CollectorRegistry(), Spans()
    observer = VersionTaskObserver(MetricCatalog(registry, 0.1), "tiny", "1", spans)
    assert sample(registry, "plimsoll_task_duration_seconds_count", name="read") == 0
    observer.ran("write", 0.25)
    assert sample(registry, "plimsoll_task_duration_seconds_sum", name="write") == 0.25
    assert spans.ran == [("tiny", "1", "write", 0.25)]


def test_names_of_the_task_start_at_zero_and_its_proof_does_not_count() -> None:
    registry = CollectorRegistry()
    observer = VersionTaskObserver(MetricCatalog(registry, 0.1), "tiny", "1")
    observer.declare(["zeros", "lookup"])
    observer.count("zeros")
    observer.observe("lookup", 1.0)
    assert sample(registry, "plimsoll_task_events_total", name="zeros") == 0
    assert sample(registry, "plimsoll_task_duration_seconds_count", name="lookup") is None
    observer.begin()
    observer.count("zeros")
    observer.observe("lookup", 1.0)
    assert sample(registry, "plimsoll_task_events_total", name="zeros") == 1
    assert sample(registry, "plimsoll_task_duration_seconds_sum", name="lookup") == 1.0
