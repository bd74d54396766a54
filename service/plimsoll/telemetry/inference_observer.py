"""Turns what the line tells into metrics."""

from __future__ import annotations

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Protocol

from prometheus_client import Counter, Histogram

from plimsoll.inference.payloads import BatchReport
from plimsoll.inference.ports import Outcome
from plimsoll.telemetry.in_flight import InFlight
from plimsoll.telemetry.metric_catalog import MetricCatalog

_log = logging.getLogger(__name__)

UNKNOWN = "_unknown"
"""The label of a model that was never loaded: what a client made up must not become a series."""
SHED_REASONS = ("overloaded", "draining", "loading", "stuck", "failed", "deadline_exceeded", "client_gone")
"""Codes of requests that no model has answered, through no fault in them."""
PROTOCOLS = ("v1",)
_OK = int(HTTPStatus.OK)
_CODES = (200, 400, 408, 413, 415, 422, 429, 499, 500, 503, 504, 507)
_CODES_OF_UNKNOWN = (400, 401, 403, 404, 500, 503)
"""How requests can end, with a version and before one was chosen. Each is counted from 0."""


class BatchSpans(Protocol):
    """Makes spans of what a batch did for the traced requests in it."""

    def context(self) -> object:
        """The current request's place in its trace; `None` where it is not traced."""
        ...

    def batch_finished(self, model: str, version: str, report: BatchReport) -> None:
        """A batch has run in which one request at least is traced."""
        ...


class _VersionSeries:
    """The series of one version, looked up once."""

    def __init__(self, catalog: MetricCatalog, name: str, version: str) -> None:
        self._catalog = catalog
        self._labels = (name, version)
        self._ended: dict[tuple[str, int], Counter] = {}
        self.duration: dict[str, Histogram] = {
            protocol: catalog.requests.duration.labels(name, version, protocol) for protocol in PROTOCOLS
        }
        self.shed = {reason: catalog.requests.shed.labels(name, version, reason) for reason in SHED_REASONS}
        self.cancelled = catalog.requests.cancelled.labels(name, version)
        self.deadline_exceeded = catalog.requests.deadline_exceeded.labels(name, version)
        for protocol in PROTOCOLS:
            for code in _CODES_OF_UNKNOWN if name == UNKNOWN else _CODES:
                self.ended(protocol, code)

    def ended(self, protocol: str, code: int) -> Counter:
        """The counter of requests that ended like this."""
        counter = self._ended.get((protocol, code))
        if counter is None:
            counter = self._catalog.requests.ended.labels(*self._labels, protocol, str(code))
            self._ended[protocol, code] = counter
        return counter


class InferenceObserver:
    """Implements the line's `Observer` port on a metric catalog.

    `trace_id` gives the id of the current request's trace, where it is sampled: an example of the latency that its
    bucket counts.
    """

    def __init__(self, catalog: MetricCatalog, trace_id: Callable[[], str | None] = lambda: None) -> None:
        self._catalog = catalog
        self._trace_id = trace_id
        self._in_flight = InFlight(catalog)
        self._observations = catalog.observations
        self._versions: dict[tuple[str, str], _VersionSeries] = {}
        self._series(UNKNOWN, UNKNOWN)

    def version_ready(self, name: str, version: str) -> None:
        """A version serves from now on; its series start at zero."""
        self._series(name, version)

    def cache_looked_up(self, model: str, version: str, found: bool) -> None:  # noqa: FBT001  # the line's word for it
        """An input was looked up in the response cache."""
        self._catalog.requests.cache_lookups.labels(model, version, "hit" if found else "miss").inc()

    def request_started(self) -> None:
        """A request has entered."""
        self._in_flight.enter()

    def request_finished(self, outcome: Outcome) -> None:
        """The same request has ended; only answered ones enter the duration histogram."""
        self._in_flight.leave()
        if outcome.code == _OK and (trace_id := self._trace_id()) is not None:
            self._count(outcome, {"trace_id": trace_id})
        else:
            self._observations.add(self._count, outcome)

    def _count(self, outcome: Outcome, example: dict[str, str] | None = None) -> None:
        series = self._series(outcome.model or UNKNOWN, outcome.version or UNKNOWN)
        series.ended(outcome.protocol, outcome.code).inc()
        if outcome.code == _OK:
            series.duration[outcome.protocol].observe(outcome.duration_seconds, example)
        elif outcome.reason in series.shed:
            series.shed[outcome.reason].inc()
            if outcome.reason == "client_gone":
                series.cancelled.inc()
            elif outcome.reason == "deadline_exceeded":
                series.deadline_exceeded.inc()

    def _series(self, name: str, version: str) -> _VersionSeries:
        series = self._versions.get((name, version))
        if series is None:
            series = self._versions[name, version] = _VersionSeries(self._catalog, name, version)
        return series


class VersionObserver:
    """Implements the line's `LaneObserver` port for one version; `spans` is there where requests are traced."""

    def __init__(
        self, catalog: MetricCatalog, name: str, version: str, queue_limit: int, spans: BatchSpans | None = None
    ) -> None:
        batches = catalog.batches
        self._observations = catalog.observations
        self._name, self._version, self._spans = name, version, spans
        self._rows = batches.rows.labels(name, version)
        self._inference_duration = batches.inference_duration.labels(name, version)
        self._queue_wait = batches.queue_wait.labels(name, version)
        self._depth = catalog.queues.depth.labels(name, version)
        catalog.queues.limit.labels(name, version).set(queue_limit)

    def context(self) -> object:
        """The current request's place in its trace; `None` where it is not traced."""
        return None if self._spans is None else self._spans.context()

    def queue_changed(self, waiting: int) -> None:
        """So many requests wait."""
        self._depth.set(waiting)

    def batch_finished(self, report: BatchReport) -> None:
        """A batch has run."""
        if self._spans is not None and any(context is not None for context in report.contexts):
            self._spans.batch_finished(self._name, self._version, report)
            self._count(report)  # which holds on to the spans
        else:
            self._observations.add(self._count, report)

    def inline_rows_lowered(self, inline_rows: int, rows: int, seconds: float) -> None:
        """Log that the model turned out too slow for the event loop."""
        _log.warning(
            "model %s version %s ran for %.0f ms on the event loop with %d rows: from now on batches of more than "
            "%d rows run on a thread of their own",
            self._name, self._version, seconds * 1000, rows, inline_rows,
            extra={"model": self._name, "version": self._version},
        )  # fmt: skip

    def _count(self, report: BatchReport) -> None:
        self._rows.observe(report.rows)
        self._inference_duration.observe(report.forward_seconds)
        if not report.failed:
            for seconds in report.wait_seconds:
                self._queue_wait.observe(seconds)
