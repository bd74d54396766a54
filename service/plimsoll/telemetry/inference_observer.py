"""Turns observations of the line into metrics."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

from prometheus_client import Counter, Histogram

from plimsoll.inference.payloads import BatchReport, Classes, PieceReport
from plimsoll.inference.ports import Outcome
from plimsoll.telemetry.class_metrics import ClassCounts
from plimsoll.telemetry.histograms import observe_all
from plimsoll.telemetry.metric_catalog import MetricCatalog

_log = logging.getLogger(__name__)

_TOLD_WITHIN_SECONDS = 0.25
UNKNOWN = "_unknown"
"""The label of a model that was never loaded: a name that a client invents must not create a series."""
SHED_REASONS = ("overloaded", "draining", "loading", "stuck", "failed", "deadline_exceeded", "client_gone")
"""Codes of requests that no model answered, through no fault of the request."""
PIECES = ("prediction", "error")
"""The results of pieces of streamed answers."""
_OK, _UNPROCESSABLE = int(HTTPStatus.OK), int(HTTPStatus.UNPROCESSABLE_ENTITY)
_STATUSES = (200, 400, 408, 413, 415, 422, 429, 499, 500, 503, 504, 507)
_STATUSES_OF_UNKNOWN = (400, 401, 403, 404, 500, 503)
"""The status codes of requests, with a version and before one is chosen. The series of each starts at 0."""


class InFlight:
    """Counts the requests in flight, and adds up the time for which each of them was.

    The sum grows by the number in flight every second, whatever becomes of the requests: its rate is the exact mean
    number in flight, while a gauge knows only the moments at which it was read. The sum is exact at each scrape. Of
    several processes each counts its own part, four times a second while requests are in flight, and writes how many
    there are once for all that come and go in a turn of the event loop: a shared file is slow to write.
    """

    def __init__(self, catalog: MetricCatalog, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._state = (0, clock(), 0.0)
        """The number in flight, since when, the sum until then. One object: threads read a consistent state."""
        self._seconds = catalog.requests.in_flight_seconds
        self._told = 0.0
        self._telling = threading.Lock()
        self._shared = catalog.requests.in_flight if catalog.many_processes else None
        self._timer: asyncio.TimerHandle | None = None
        self._writes = False
        if self._shared is None:
            catalog.requests.in_flight.set_function(lambda: self._state[0])  # asked at a scrape, not told twice each
        catalog.observations.count_too(self.tell)

    def enter(self) -> None:
        """One more."""
        count, since, seconds = self._state
        now = self._clock()
        self._state = (count + 1, now, seconds + count * (now - since))
        if self._shared is not None and not self._writes:
            self._write_soon()

    def leave(self) -> None:
        """One less."""
        count, since, seconds = self._state
        now = self._clock()
        self._state = (count - 1, now, seconds + count * (now - since))
        if self._shared is not None and not self._writes:
            self._write_soon()

    def tell(self) -> None:
        """Count the time up to now; from any thread."""
        with self._telling:
            count, since, seconds = self._state
            until_now = seconds + count * (self._clock() - since)
            if until_now > self._told:
                self._seconds.inc(until_now - self._told)
                self._told = until_now

    def _write_soon(self) -> None:
        self._writes = True
        asyncio.get_running_loop().call_soon(self._write)

    def _write(self) -> None:
        assert self._shared is not None  # noqa: S101  # only then is there something to write
        self._writes = False
        self._shared.set(self._state[0])
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_TOLD_WITHIN_SECONDS, self._tell_others)

    def _tell_others(self) -> None:
        self.tell()
        count, _, _ = self._state
        self._timer = asyncio.get_running_loop().call_later(_TOLD_WITHIN_SECONDS, self._tell_others) if count else None


class BatchSpans(Protocol):
    """Makes spans of what a batch did for the traced requests in it."""

    def context(self) -> object:
        """The current request's place in its trace; `None` where it is not traced."""
        ...

    def batch_finished(self, model: str, version: str, report: BatchReport) -> None:
        """Record a batch that has at least one traced request."""
        ...


@dataclass(frozen=True, slots=True)
class Protocols:
    """The values of the label `protocol` whose series start at zero.

    The answers of those in `streamed` are streams, and have no durations. Those in `without_422` answer a wrong body
    with 400, and have no series for 422.
    """

    names: tuple[str, ...] = ()
    streamed: tuple[str, ...] = ()
    without_422: tuple[str, ...] = ()


class _VersionSeries:
    """The series of one version, looked up once."""

    def __init__(self, catalog: MetricCatalog, name: str, version: str, protocols: Protocols) -> None:
        self._catalog = catalog
        self._labels = (name, version)
        self._ended: dict[tuple[str, int], Counter] = {}
        self._durations: dict[str, Histogram] = {}
        self.shed = {reason: catalog.requests.shed.labels(name, version, reason) for reason in SHED_REASONS}
        self._own_counters = {
            "client_gone": catalog.requests.cancelled.labels(name, version),
            "deadline_exceeded": catalog.requests.deadline_exceeded.labels(name, version),
        }
        self.pieces = {failed: catalog.streams.pieces.labels(name, version, PIECES[failed]) for failed in (False, True)}
        for protocol in protocols.names:
            if protocol not in protocols.streamed:
                self.duration(protocol)
            for status in _STATUSES_OF_UNKNOWN if name == UNKNOWN else _STATUSES:
                if status != _UNPROCESSABLE or protocol not in protocols.without_422:
                    self.ended(protocol, status)

    def ended(self, protocol: str, status: int) -> Counter:
        """The counter of requests that ended like this."""
        counter = self._ended.get((protocol, status))
        if counter is None:
            counter = self._catalog.requests.ended.labels(*self._labels, protocol, str(status))
            self._ended[protocol, status] = counter
        return counter

    def count_shed(self, reason: str) -> None:
        """Count a request that no model answered; some reasons have a counter of their own as well."""
        self.shed[reason].inc()
        if reason in self._own_counters:
            self._own_counters[reason].inc()

    def duration(self, protocol: str) -> Histogram:
        """The durations of a protocol's requests; one that was not announced must not fail somebody else's count."""
        histogram = self._durations.get(protocol)
        if histogram is None:
            histogram = self._durations[protocol] = self._catalog.requests.duration.labels(*self._labels, protocol)
        return histogram


class InferenceObserver:
    """Implements the line's `Observer` port on a metric catalog.

    `trace_id`, where requests are traced, gives the id of the current request's trace if it is sampled: an example of
    the latency that its bucket counts.
    """

    def __init__(
        self,
        catalog: MetricCatalog,
        protocols: Protocols = Protocols(),
        trace_id: Callable[[], str | None] | None = None,
    ) -> None:
        self._catalog = catalog
        self._protocols = protocols
        self._trace_id = trace_id
        self._in_flight = InFlight(catalog)
        self.request_started = self._in_flight.enter
        self._observations = catalog.observations
        self._classes = ClassCounts(catalog)
        self._versions: dict[tuple[str, str], _VersionSeries] = {}
        self._series(UNKNOWN, UNKNOWN)

    def version_ready(self, name: str, version: str, classes: Classes | None = None) -> None:
        """Start the series of a version at zero, when it begins to serve; with `classes` one for each label."""
        self._series(name, version)
        if classes is not None:
            self._classes.begin(name, version, classes)

    def cache_looked_up(self, model: str, version: str, *, found: bool) -> None:
        """Count a look-up in the response cache."""
        self._catalog.requests.cache_lookups.labels(model, version, "hit" if found else "miss").inc()

    def piece_streamed(self, piece: PieceReport) -> None:
        """Count a piece of a streamed answer."""
        self._observations.add(self._count_pieces, piece)

    def request_finished(self, outcome: Outcome) -> None:
        """Count the end of the same request; only whole answers enter the duration histogram."""
        self._in_flight.leave()
        if self._trace_id is not None and outcome.status == _OK and (trace_id := self._trace_id()) is not None:
            self._count([outcome], {"trace_id": trace_id})
            self._classes.count()
        else:
            self._observations.add(self._count, outcome)

    def _count(self, outcomes: list[Outcome], example: dict[str, str] | None = None) -> None:
        ended: dict[Counter, int] = {}
        seconds: dict[Histogram, list[float]] = {}
        for outcome in outcomes:
            series = self._series(outcome.model or UNKNOWN, outcome.version or UNKNOWN)
            counter = series.ended(outcome.protocol, outcome.status)
            ended[counter] = ended.get(counter, 0) + 1
            if outcome.status == _OK:
                if not outcome.streamed:
                    seconds.setdefault(series.duration(outcome.protocol), []).append(outcome.duration_seconds)
                if outcome.scores is not None:
                    self._classes.add(outcome.model, outcome.version, outcome.scores)
            elif outcome.code in series.shed:
                series.count_shed(outcome.code)
        for counter, number in ended.items():
            counter.inc(number)
        for histogram, values in seconds.items():
            observe_all(histogram, values, example)

    def _count_pieces(self, pieces: list[PieceReport]) -> None:
        streams = self._catalog.streams
        for piece in pieces:
            self._series(piece.model, piece.version).pieces[piece.failed].inc()
            histogram = streams.first_piece if piece.first else streams.between_pieces
            histogram.labels(piece.model, piece.version).observe(piece.seconds)
            if piece.scores is not None:
                self._classes.add(piece.model, piece.version, piece.scores)

    def _series(self, name: str, version: str) -> _VersionSeries:
        series = self._versions.get((name, version))
        if series is None:
            series = self._versions[name, version] = _VersionSeries(self._catalog, name, version, self._protocols)
        return series


class VersionObserver:
    """Implements the line's `LaneObserver` port for one version; `spans` is set if requests are traced."""

    def __init__(
        self, catalog: MetricCatalog, name: str, version: str, queue_limit: int, spans: BatchSpans | None = None
    ) -> None:
        batches = catalog.batches
        self._observations = catalog.observations
        self._name, self._version, self._spans = name, version, spans
        self._rows = batches.rows.labels(name, version)
        self._inference_duration = batches.inference_duration.labels(name, version)
        self._queue_wait = batches.queue_wait.labels(name, version)
        self._filled, self._padding = (batches.elements.labels(name, version, kind) for kind in ("real", "padding"))
        self._depth = catalog.queues.depth.labels(name, version)
        catalog.queues.limit.labels(name, version).set(queue_limit)

    def context(self) -> object:
        """The current request's place in its trace; `None` where it is not traced."""
        return None if self._spans is None else self._spans.context()

    def queue_changed(self, waiting: int) -> None:
        """Set the number of waiting requests."""
        self._depth.set(waiting)

    def batch_finished(self, report: BatchReport) -> None:
        """Count a batch that has run."""
        if self._spans is not None and any(context is not None for context in report.contexts):
            self._spans.batch_finished(self._name, self._version, report)
            self._count([report])  # which holds on to the spans
        else:
            self._observations.add(self._count, report)

    def inline_rows_lowered(self, inline_rows: int, rows: int, seconds: float) -> None:
        """Log that the model turned out too slow for the event loop."""
        _log.warning(
            "model %s version %s blocked the event loop for %.0f ms with %d rows; batches of more than %d "
            "rows now run on a worker thread",
            self._name, self._version, seconds * 1000, rows, inline_rows,
            extra={"model": self._name, "version": self._version},
        )  # fmt: skip

    def _count(self, reports: list[BatchReport]) -> None:
        observe_all(self._rows, [report.rows for report in reports])
        observe_all(self._inference_duration, [report.forward_seconds for report in reports])
        waits = [seconds for report in reports if not report.failed for seconds in report.wait_seconds]
        observe_all(self._queue_wait, waits)
        if elements := sum(report.elements for report in reports):
            padding = sum(report.padding for report in reports)
            self._filled.inc(elements - padding)
            self._padding.inc(padding)
