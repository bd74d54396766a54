"""The figures of each version, read out of the metrics that count them."""

from __future__ import annotations

from plimsoll.inference.payloads import BatchReport
from plimsoll.inference.ports import Outcome
from plimsoll.telemetry.inference_observer import InferenceObserver, Protocols, VersionObserver
from plimsoll.telemetry.metric_catalog import MetricCatalog
from plimsoll.telemetry.version_statistics import NO_FIGURES, VersionFigures, figures_by_version
from prometheus_client import CollectorRegistry


def test_what_the_observers_saw_is_added_up_over_protocols_and_kept_apart_by_version() -> None:
    registry = CollectorRegistry()
    catalog = MetricCatalog(registry, 0.1)
    observer = InferenceObserver(catalog, Protocols(("v1", "v2")))
    for version in ("1", "2"):
        observer.version_ready("tiny", version)
    for protocol, version, status, seconds in (
        ("v1", "1", 200, 0.25), ("v2", "1", 200, 0.5), ("v2", "1", 400, 9.0), ("v1", "1", 503, 9.0),
        ("new", "2", 200, 1.0), ("v1", "", 404, 9.0),
    ):  # fmt: skip
        observer.request_started()
        observer.request_finished(Outcome(protocol, "tiny" if version else "", version, status, seconds))
    observer.cache_looked_up("tiny", "1", found=True)
    for _ in range(2):
        observer.cache_looked_up("tiny", "1", found=False)
    lane = VersionObserver(catalog, "tiny", "1", 8)
    lane.batch_finished(BatchReport(rows=5, wait_seconds=(0.25, 0.5), forward_seconds=2.0))
    lane.batch_finished(BatchReport(rows=1, wait_seconds=(0.25,), forward_seconds=1.0))
    figures = figures_by_version(registry.collect())
    assert figures["tiny", "1"] == VersionFigures(
        rows=6, batches=2, forward_seconds=3.0, answered=2, answered_seconds=0.75, failed=2, waits=3,
        wait_seconds=1.0, cache_hits=1, cache_misses=2,
    )  # fmt: skip
    assert figures["tiny", "2"] == VersionFigures(answered=1, answered_seconds=1.0)


def test_a_version_that_was_only_loaded_has_zeros() -> None:
    registry = CollectorRegistry()
    InferenceObserver(MetricCatalog(registry, 0.1), Protocols(("v1",))).version_ready("tiny", "1")
    assert figures_by_version(registry.collect())["tiny", "1"] == NO_FIGURES
