"""Turns what the line tells into metrics."""

from __future__ import annotations

from http import HTTPStatus

from service.inference.ports import Outcome
from service.telemetry.metric_catalog import MetricCatalog

UNKNOWN = "_unknown"
"""The label of a model that was never loaded: what a client made up must not become a series."""


class InferenceObserver:
    """Implements the line's `Observer` port on a metric catalog."""

    def __init__(self, catalog: MetricCatalog) -> None:
        self._catalog = catalog

    def version_ready(self, name: str, version: str, facts: dict[str, str], load_seconds: float) -> None:
        """A version serves from now on; its series start at zero. `facts` are the further labels of the info metric."""
        self._catalog.model_info.labels(name, version, facts["digest"], facts["format"], facts["device"]).set(1)
        self._catalog.model_load.labels(name, version).set(load_seconds)
        self._catalog.requests.labels(name, version, "v1", str(HTTPStatus.OK.value))
        self._catalog.request_duration.labels(name, version, "v1")

    def request_started(self) -> None:
        """A request has entered."""
        self._catalog.requests_in_flight.inc()

    def request_finished(self, outcome: Outcome) -> None:
        """The same request has ended; only answered ones enter the duration histogram."""
        self._catalog.requests_in_flight.dec()
        model, version = outcome.model or UNKNOWN, outcome.version or UNKNOWN
        self._catalog.requests.labels(model, version, outcome.protocol, str(outcome.code)).inc()
        if outcome.code == HTTPStatus.OK:
            self._catalog.request_duration.labels(model, version, outcome.protocol).observe(outcome.duration_seconds)
