"""Turns what the line tells into metrics."""

from __future__ import annotations

import warnings
from http import HTTPStatus

from service.inference.payloads import BatchReport
from service.inference.ports import Outcome
from service.telemetry.metric_catalog import MetricCatalog

UNKNOWN = "_unknown"
"""The label of a model that was never loaded: what a client made up must not become a series."""
SHED_REASONS = ("overloaded", "draining", "deadline_exceeded", "client_gone")
"""Codes of requests that cost the model nothing."""


class InferenceObserver:
    """Implements the line's `Observer` port on a metric catalog."""

    def __init__(self, catalog: MetricCatalog) -> None:
        self._catalog = catalog

    def version_ready(self, name: str, version: str, facts: dict[str, str], load_seconds: float) -> None:
        """A version serves from now on; its series start at zero. `facts` are the further labels of the info metric."""
        self._catalog.models.info.labels(name, version, facts["digest"], facts["format"], facts["device"]).set(1)
        self._catalog.models.load_seconds.labels(name, version).set(load_seconds)
        self._catalog.requests.ended.labels(name, version, "v1", str(HTTPStatus.OK.value))
        self._catalog.requests.duration.labels(name, version, "v1")
        for reason in SHED_REASONS:
            self._catalog.requests.shed.labels(name, version, reason)

    def version_gone(self, name: str, version: str, facts: dict[str, str]) -> None:
        """A version answers no more; its counters stay, since what they counted has happened."""
        info, labels = self._catalog.models.info, (name, version, facts["digest"], facts["format"], facts["device"])
        info.labels(*labels).set(0)
        with warnings.catch_warnings():
            # Processes that count together cannot take a series away, says prometheus-client; theirs stays at 0.
            warnings.simplefilter("ignore", UserWarning)
            info.remove(*labels)

    def load_failed(self, name: str, version: str, check: str) -> None:
        """An attempt to load a version has failed."""
        self._catalog.models.load_failures.labels(name, version, check).inc()

    def batch_finished(self, model: str, version: str, report: BatchReport) -> None:
        """A batch has run."""
        batches = self._catalog.batches
        batches.rows.labels(model, version).observe(report.rows)
        batches.inference_duration.labels(model, version).observe(report.forward_seconds)
        waits = batches.queue_wait.labels(model, version)
        for seconds in report.wait_seconds:
            waits.observe(seconds)

    def cache_looked_up(self, model: str, version: str, found: bool) -> None:  # noqa: FBT001  # the line's word for it
        """An input was looked up in the response cache."""
        self._catalog.requests.cache_lookups.labels(model, version, "hit" if found else "miss").inc()

    def request_started(self) -> None:
        """A request has entered."""
        self._catalog.requests.in_flight.inc()

    def request_finished(self, outcome: Outcome) -> None:
        """The same request has ended; only answered ones enter the duration histogram."""
        self._catalog.requests.in_flight.dec()
        model, version = outcome.model or UNKNOWN, outcome.version or UNKNOWN
        self._catalog.requests.ended.labels(model, version, outcome.protocol, str(outcome.code)).inc()
        if outcome.reason in SHED_REASONS:
            self._catalog.requests.shed.labels(model, version, outcome.reason).inc()
        if outcome.code == HTTPStatus.OK:
            self._catalog.requests.duration.labels(model, version, outcome.protocol).observe(outcome.duration_seconds)
