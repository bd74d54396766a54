"""Hands on what the reconciler does to the metrics and the watchdog."""

from __future__ import annotations

from plimsoll.control.version_registry import VersionStatus
from plimsoll.inference.watchdog import Watchdog
from plimsoll.telemetry.inference_observer import InferenceObserver
from plimsoll.telemetry.version_metrics import VersionMetrics


class ObservedVersions:
    """Has each change of a version counted, and each version that answers watched."""

    def __init__(self, metrics: VersionMetrics, observer: InferenceObserver, watchdog: Watchdog) -> None:
        self._metrics = metrics
        self._observer = observer
        self._watchdog = watchdog

    def states_changed(self, statuses: list[VersionStatus]) -> None:
        """Something has come a step further, or is gone."""
        self._metrics.states_changed({(status.name, status.version): status.state.value for status in statuses})

    def version_ready(self, status: VersionStatus) -> None:
        """A version answers."""
        if (report := status.report) is not None:
            self._metrics.version_ready(
                status.name, status.version, _facts(status), report.load_seconds, report.warmup_seconds
            )
            self._observer.version_ready(status.name, status.version)
            assert status.served is not None  # noqa: S101  # it answers
            self._watchdog.watch(status.served, max(report.batch_seconds.values()), max(report.batch_seconds))

    def stuck(self, name: str, version: str) -> None:
        """A forward pass of a version does not return; told by the watchdog's thread."""
        self._metrics.stuck(name, version)

    def load_failed(self, name: str, version: str, check: str) -> None:
        """An attempt to load a version has failed."""
        self._metrics.load_failed(name, version, check)

    def version_gone(self, status: VersionStatus) -> None:
        """A version answers no more."""
        assert status.served is not None  # noqa: S101  # it has been ready
        self._watchdog.leave(status.served)
        self._metrics.version_gone(status.name, status.version, _facts(status))


def _facts(status: VersionStatus) -> dict[str, str]:
    report = status.report
    assert report is not None  # noqa: S101  # it has been ready
    return {"digest": report.digest, "format": report.manifest.model.format, "device": report.device}
