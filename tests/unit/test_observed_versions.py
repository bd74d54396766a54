"""Tests that changes of versions reach the metrics and the watchdog."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from plimsoll.control.desired_state import DesiredLimits
from plimsoll.control.version_registry import LoadReport, VersionState, VersionStatus
from plimsoll.inference.batch_lane import BatchLane
from plimsoll.inference.payloads import Tensors
from plimsoll.inference.served_version import ServedVersion
from plimsoll.inference.watchdog import Watchdog
from plimsoll.observed_versions import ObservedVersions
from plimsoll.tasks.tabular_classification import TabularClassification
from plimsoll.telemetry.inference_observer import InferenceObserver
from plimsoll.telemetry.metric_catalog import MetricCatalog
from plimsoll.telemetry.version_metrics import VersionMetrics
from prometheus_client import CollectorRegistry

from tests.conftest import MakeBundle
from tests.doubles.bundles import report_on
from tests.doubles.models import EchoModel
from tests.unit.control.serving import limits_of, served_version


class Observed:
    """Versions that are observed, the metrics that come of it, and a watchdog whose clock the test sets forward."""

    def __init__(self) -> None:
        self.later_seconds = 0.0
        self.registry = CollectorRegistry()
        self.watchdog = Watchdog(60.0, clock=lambda: time.perf_counter() + self.later_seconds)
        catalog = MetricCatalog(self.registry, 0.1)
        self.versions = ObservedVersions(VersionMetrics(catalog), InferenceObserver(catalog), self.watchdog)

    def sample(self, name: str, **labels: str) -> float | None:
        """A metric of version 1 of the tiny model."""
        return self.registry.get_sample_value(f"plimsoll_{name}", {"model": "tiny", "version": "1", **labels})


@pytest.fixture
def observed() -> Observed:
    return Observed()


@pytest.fixture
def report(make_tiny_bundle: MakeBundle) -> LoadReport:
    return report_on(make_tiny_bundle())


def ready(report: LoadReport) -> VersionStatus:
    return VersionStatus("tiny", "1", VersionState.READY, report=report, served=served_version("tiny", "1"))


def test_a_version_that_is_ready_has_metrics_of_what_it_is(observed: Observed, report: LoadReport) -> None:
    observed.versions.version_ready(ready(report))
    facts = {"digest": report.digest, "format": "safetensors", "device": "cpu"}
    assert observed.sample("model_info", **facts) == 1
    assert observed.sample("model_load_seconds") == report.load_seconds
    assert [observed.sample("predictions_total", **{"class": label}) for label in "abc"] == [0, 0, None]


async def test_a_version_that_is_ready_is_watched_until_it_is_gone(observed: Observed, report: LoadReport) -> None:
    overdue = []

    class Watched(EchoModel):
        """Asks the watchdog, while it runs, how it would look later."""

        def run(self, inputs: Tensors) -> Tensors:
            for observed.later_seconds in (390, 410):  # ten times the slowest warm-up, and as long again
                overdue.append(observed.watchdog.overdue())
            observed.versions.version_gone(status)
            overdue.append(observed.watchdog.overdue())
            return super().run(inputs)

    model = Watched()
    served = ServedVersion(
        "tiny",
        "1",
        model.signature,
        TabularClassification(model.signature),
        BatchLane(model, limits_of(DesiredLimits())),
    )
    slow = replace(report, batch_seconds={1: 0.1, 8: 20.0})
    status = VersionStatus("tiny", "1", VersionState.READY, report=slow, served=served)
    observed.versions.version_ready(status)
    served.lane.forward.run(model.new_batch(1), 1)
    served.lane.close()
    assert overdue == [False, True, False]


def test_a_version_that_is_gone_says_nothing_more_of_itself(observed: Observed, report: LoadReport) -> None:
    status = ready(report)
    observed.versions.version_ready(status)
    observed.versions.version_gone(status)
    assert observed.sample("model_info", digest=report.digest, format="safetensors", device="cpu") is None


def test_states_and_failed_loads_are_counted(observed: Observed) -> None:
    observed.versions.states_changed([VersionStatus("tiny", "1", VersionState.LOADING)])
    observed.versions.load_failed("tiny", "1", "golden")
    assert observed.sample("model_state", state="loading") == 1
    assert observed.sample("model_load_failures_total", check="golden") == 1


def test_a_status_that_has_never_been_ready_changes_no_metric(observed: Observed) -> None:
    observed.versions.version_ready(VersionStatus("tiny", "1", VersionState.LOADING))
    assert observed.sample("model_load_seconds") is None
