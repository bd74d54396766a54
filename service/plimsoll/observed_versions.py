"""Passes the changes of versions from the reconciler to the metrics and the watchdog."""

from __future__ import annotations

from plimsoll.control.version_registry import VersionStatus
from plimsoll.inference.watchdog import Watchdog
from plimsoll.telemetry.inference_observer import InferenceObserver
from plimsoll.telemetry.version_metrics import VersionMetrics


class ObservedVersions:
    """Counts each change of a version, and watches each version that answers."""

    def __init__(self, metrics: VersionMetrics, observer: InferenceObserver, watchdog: Watchdog) -> None:
        self._metrics = metrics
        self._observer = observer
        self._watchdog = watchdog

    def states_changed(self, statuses: list[VersionStatus]) -> None:
        """Record the states of all versions."""
        self._metrics.states_changed({(status.name, status.version): status.state.value for status in statuses})

    def version_ready(self, status: VersionStatus) -> None:
        """Record that a version answers, and watch it."""
        if (report := status.report) is not None:
            self._metrics.version_ready(
                status.name, status.version, _facts(status), report.load_seconds, report.warmup_seconds
            )
            assert status.served is not None  # noqa: S101  # it answers
            self._observer.version_ready(status.name, status.version, status.served.task.classes)
            self._watchdog.watch(status.served, max(report.batch_seconds.values()), max(report.batch_seconds))

    def stuck(self, name: str, version: str) -> None:
        """Record that a forward pass of a version does not return; called on the watchdog's thread."""
        self._metrics.stuck(name, version)

    def load_failed(self, name: str, version: str, check: str) -> None:
        """Count a failed attempt to load a version."""
        self._metrics.load_failed(name, version, check)

    def version_gone(self, status: VersionStatus) -> None:
        """Record that a version no longer answers, and stop watching it."""
        assert status.served is not None  # noqa: S101  # it has been ready
        self._watchdog.leave(status.served)
        self._metrics.version_gone(status.name, status.version, _facts(status))


def _facts(status: VersionStatus) -> dict[str, str]:
    report = status.report
    assert report is not None  # noqa: S101  # it has been ready
    return {"digest": report.digest, "format": report.manifest.model.format, "device": report.device}
