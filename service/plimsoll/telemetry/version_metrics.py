"""Turns observations of the reconciler into metrics."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Mapping
from typing import Any

from plimsoll.telemetry.metric_catalog import MetricCatalog

STATES = ("loading", "verifying", "warming", "ready", "stuck", "draining", "failed")
CHECKS = (
    "files", "manifest", "task", "digest", "format", "weights", "signature", "golden", "independence", "padding",
    "warm-up", "start-up", "internal",
)  # fmt: skip
"""The checks that can fail. The counter of each starts at 0, because Prometheus cannot see a new series rise."""


class VersionMetrics:
    """Shows which versions exist, their states, and how loading them went.

    Called on the event loop, except for `stuck`.
    """

    def __init__(self, catalog: MetricCatalog) -> None:
        self._metrics = catalog.models
        self._gauges = (
            catalog.models.load_seconds, catalog.models.warmup_seconds, catalog.queues.depth, catalog.queues.limit,
        )  # fmt: skip
        self._known: set[tuple[str, str]] = set()
        self._changing = threading.Lock()

    def states_changed(self, states: Mapping[tuple[str, str], str]) -> None:
        """Set the state of every version, by name and version."""
        with self._changing:
            self._change(states)

    def stuck(self, name: str, version: str) -> None:
        """Record that a version is stuck.

        May be called on any thread, because a forward pass may hang on the event loop.
        """
        with self._changing:
            if (name, version) in self._known:
                self._show(name, version, "stuck")

    def _change(self, states: Mapping[tuple[str, str], str]) -> None:
        for key in self._known - states.keys():
            for state in STATES:
                self._metrics.state.labels(*key, state).set(0)
                _remove(self._metrics.state, *key, state)
            for gauge in self._gauges:
                gauge.labels(*key).set(0)
                _remove(gauge, *key)
        for key in states.keys() - self._known:
            for check in CHECKS:
                self._metrics.load_failures.labels(*key, check)
        for key, current in states.items():
            self._show(*key, current)
        self._known = set(states)

    def _show(self, name: str, version: str, current: str) -> None:
        for state in STATES:
            self._metrics.state.labels(name, version, state).set(state == current)

    def version_ready(
        self, name: str, version: str, facts: dict[str, str], load_seconds: float, warmup_seconds: float
    ) -> None:
        """Record that a version begins to serve. `facts` are the further labels of the info metric."""
        self._metrics.info.labels(name, version, facts["digest"], facts["format"], facts["device"]).set(1)
        self._metrics.load_seconds.labels(name, version).set(load_seconds)
        self._metrics.warmup_seconds.labels(name, version).set(warmup_seconds)

    def version_gone(self, name: str, version: str, facts: dict[str, str]) -> None:
        """Record that a version no longer answers, or that a newer one does under its name."""
        labels = (name, version, facts["digest"], facts["format"], facts["device"])
        self._metrics.info.labels(*labels).set(0)
        _remove(self._metrics.info, *labels)

    def load_failed(self, name: str, version: str, check: str) -> None:
        """Count a failed attempt to load a version."""
        self._metrics.load_failures.labels(name, version, check).inc()


def _remove(metric: Any, *labels: str) -> None:  # noqa: ANN401  # whichever of prometheus-client's classes
    with warnings.catch_warnings():
        # Processes that count together cannot take a series away, says prometheus-client; theirs stays at 0.
        warnings.simplefilter("ignore", UserWarning)
        metric.remove(*labels)
