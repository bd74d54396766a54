"""Turns what the code of a task of one's own does into metrics and spans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from plimsoll.telemetry.metric_catalog import MetricCatalog

_STEPS = ("read", "write")


class TaskSpans(Protocol):
    """Makes spans of the steps of a task."""

    def task_ran(self, model: str, version: str, step: str, seconds: float) -> None:
        """A step of the current request has run, in the context of that request."""
        ...


class VersionTaskObserver:
    """Implements the line's `TaskObserver` port for one version; `spans` is set if requests are traced."""

    def __init__(self, catalog: MetricCatalog, name: str, version: str, spans: TaskSpans | None = None) -> None:
        self._tasks = catalog.tasks
        self._name, self._version, self._spans = name, version, spans
        self._serves = False
        self._durations = {step: self._tasks.duration.labels(name, version, step) for step in _STEPS}

    def declare(self, names: Sequence[str]) -> None:
        """Start the counter of each name at zero."""
        for each in names:
            self._tasks.events.labels(self._name, self._version, each)

    def begin(self) -> None:
        """Count from now on."""
        self._serves = True

    def ran(self, step: str, seconds: float) -> None:
        """Observe a step, and make a span of it if the current request is traced."""
        self._durations[step].observe(seconds)
        if self._spans is not None:
            self._spans.task_ran(self._name, self._version, step, seconds)

    def count(self, name: str) -> None:
        """Count an event, unless the version is still being proven."""
        if self._serves:
            self._tasks.events.labels(self._name, self._version, name).inc()

    def observe(self, name: str, seconds: float) -> None:
        """Observe a duration, unless the version is still being proven."""
        if self._serves:
            self._tasks.duration.labels(self._name, self._version, name).observe(seconds)
