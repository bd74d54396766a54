"""Every metric: its name, labels, buckets and meaning, on a registry that is handed in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.utils import floatToGoString

from plimsoll.telemetry.observations import Observations

# The 14 default edges of OpenTelemetry and prometheus-client, and two below for models that answer in a millisecond.
_DURATION_EDGES_SECONDS = (
    0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
)  # fmt: skip
_ROW_EDGES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_OF_VERSION = ("model", "version")
_SHARED_WITHIN_SECONDS = 0.25

Together = Literal["livemax", "livesum"]
"""What a gauge of several processes is: the largest of those that live, or their sum."""


@dataclass(frozen=True, slots=True)
class MetricDescription:
    """What docs/metrics.md says of one metric."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    meaning: str


class MetricMaker:
    """Makes metrics on one registry and remembers what it has made."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.made: list[MetricDescription] = []

    def counter(self, name: str, meaning: str, *labels: str) -> Counter:
        """A counter; `_total` is added to its name."""
        self.made.append(MetricDescription(f"{name}_total", "counter", labels, meaning))
        return Counter(name, meaning, labels, registry=self.registry)

    def gauge(self, name: str, meaning: str, *labels: str, together: Together) -> Gauge:
        """A gauge; `together` says how those of several processes become one."""
        self.made.append(MetricDescription(name, "gauge", labels, meaning))
        return Gauge(name, meaning, labels, registry=self.registry, multiprocess_mode=together)

    def histogram(self, name: str, meaning: str, *labels: str, edges: Iterable[float]) -> Histogram:
        """A classic histogram: prometheus-client has no native ones."""
        self.made.append(MetricDescription(name, "histogram", labels, meaning))
        return Histogram(name, meaning, labels, buckets=list(edges), registry=self.registry)


class RequestMetrics:
    """What becomes of predict requests."""

    def __init__(self, make: MetricMaker, objective_seconds: float) -> None:
        self.ended = make.counter(
            "plimsoll_requests",
            "Predict requests by how they ended; 499 is a client that left.",
            "model", "version", "protocol", "code",
        )  # fmt: skip
        self.duration = make.histogram(
            "plimsoll_request_duration_seconds",
            "From the arrival of a predict request to its answer, for requests that a model answered.",
            "model", "version", "protocol", edges=sorted({*_DURATION_EDGES_SECONDS, objective_seconds}),
        )  # fmt: skip
        self.shed = make.counter(
            "plimsoll_requests_shed",
            "Predict requests that were refused or given up and so have no answer of a model, by why.",
            *_OF_VERSION, "reason",
        )  # fmt: skip
        self.cancelled = make.counter(
            "plimsoll_requests_cancelled", "Predict requests whose client left before the answer.", *_OF_VERSION
        )
        self.deadline_exceeded = make.counter(
            "plimsoll_requests_deadline_exceeded", "Predict requests that ran out of their time.", *_OF_VERSION
        )
        self.cache_lookups = make.counter(
            "plimsoll_cache_lookups",
            "Inputs that were looked up in the response cache, by whether their answer was there.",
            *_OF_VERSION, "result",
        )  # fmt: skip
        self.in_flight = make.gauge(
            "plimsoll_requests_in_flight",
            "Predict requests that have entered and not been answered, also those whose body is still coming.",
            together="livesum",
        )
        self.in_flight_seconds = make.counter(
            "plimsoll_request_in_flight_seconds",
            "Seconds that predict requests have been in flight, added up over all of them, also over those that still "
            "are; its rate is the mean number in flight.",
        )


class QueueMetrics:
    """How full the queues are, and how full they may get."""

    def __init__(self, make: MetricMaker) -> None:
        self.depth = make.gauge(
            "plimsoll_queue_depth",
            "Requests that are complete and wait while the model is at work.",
            *_OF_VERSION,
            together="livesum",
        )
        self.limit = make.gauge(
            "plimsoll_queue_limit",
            "The most requests whose body is complete that may be running and queued; then 429.",
            *_OF_VERSION,
            together="livesum",
        )
        self.concurrency = make.gauge(
            "plimsoll_concurrency",
            "Requests in flight at which a server works best: serving.concurrency.",
            together="livesum",
        )


CONNECTION_REASONS = (
    *("too_many_connections", "too_many_from_address", "malformed_request", "request_line_too_long"),
    *("head_too_large", "head_too_slow", "body_too_slow", "answer_not_read"),
)
"""Why a connection is refused or closed; each is counted from 0."""


class ConnectionMetrics:
    """What becomes of connections."""

    def __init__(self, make: MetricMaker) -> None:
        self.refused = make.counter(
            "plimsoll_connections_refused",
            "Connections that were refused or closed because a client sent too much, too slowly or something else than "
            "HTTP/1.1, or because there were too many, by why.",
            "reason",
        )
        for reason in CONNECTION_REASONS:
            self.refused.labels(reason)


class BatchMetrics:
    """How requests become batches, and what the model makes of those."""

    def __init__(self, make: MetricMaker) -> None:
        self.queue_wait = make.histogram(
            "plimsoll_queue_wait_seconds",
            "From a request's rows being complete to the run of the batch that has answered it.",
            *_OF_VERSION,
            edges=_DURATION_EDGES_SECONDS,
        )
        self.inference_duration = make.histogram(
            "plimsoll_inference_duration_seconds",
            "One run of the model over one batch, whether it went well or not.",
            *_OF_VERSION,
            edges=_DURATION_EDGES_SECONDS,
        )
        self.rows = make.histogram(
            "plimsoll_batch_size", "Rows in a batch that was run.", *_OF_VERSION, edges=_ROW_EDGES
        )


class ModelMetrics:
    """Which versions are served, and how loading them went."""

    def __init__(self, make: MetricMaker) -> None:
        self.info = make.gauge(
            "plimsoll_model_info",
            "1 for every version that is ready, with what it was loaded from.",
            *_OF_VERSION, "digest", "format", "device", together="livemax",
        )  # fmt: skip
        self.state = make.gauge(
            "plimsoll_model_state",
            "1 for the state that a version is in, 0 for the others.",
            *_OF_VERSION, "state", together="livemax",
        )  # fmt: skip
        self.load_failures = make.counter(
            "plimsoll_model_load_failures",
            "Attempts to load a version that failed, by the check that failed.",
            *_OF_VERSION, "check",
        )  # fmt: skip
        self.load_seconds = make.gauge(
            "plimsoll_model_load_seconds",
            "How long the version took from opening its bundle to having passed its golden samples.",
            *_OF_VERSION,
            together="livemax",
        )
        self.warmup_seconds = make.gauge(
            "plimsoll_model_warmup_seconds",
            "How long it then took to run every batch size.",
            *_OF_VERSION,
            together="livemax",
        )


BACKGROUND_TASKS = ("keys", "desired_state")
"""What is followed in the background; restarts of each are counted from 0."""


class BackgroundMetrics:
    """Whether what the server follows in the background is well."""

    def __init__(self, make: MetricMaker) -> None:
        self._file_broken = make.gauge(
            "plimsoll_file_broken",
            "1 where the file cannot be used and what it said before is in force, else 0: keys or desired_state.",
            "file", together="livemax",
        )  # fmt: skip
        self._restarts = make.counter(
            "plimsoll_background_task_restarts",
            "Background tasks that stopped and were started again: keys or desired_state.",
            "task",
        )
        for task in BACKGROUND_TASKS:
            self._restarts.labels(task)

    def file_checked(self, file: str, broken: bool) -> None:  # noqa: FBT001  # a callback
        """A followed file can be used, or cannot."""
        self._file_broken.labels(file).set(broken)

    def task_restarted(self, task: str) -> None:
        """A background task is started again."""
        self._restarts.labels(task).inc()


class MetricCatalog:
    """The metrics of one process.

    `objective_seconds` becomes an edge of the duration histogram, so that the share of requests within the objective
    can be read exactly; a gauge tells which edge it is. `observations` are counted before the registry is read; where
    `many_processes` count together, within a quarter of a second.
    """

    def __init__(self, registry: CollectorRegistry, objective_seconds: float, *, many_processes: bool = False) -> None:
        self.many_processes = many_processes
        self.observations = Observations(_SHARED_WITHIN_SECONDS if many_processes else None)
        registry.register(self.observations)
        make = MetricMaker(registry)
        self.registry = registry
        self.requests = RequestMetrics(make, objective_seconds)
        self.connections = ConnectionMetrics(make)
        self.queues = QueueMetrics(make)
        self.batches = BatchMetrics(make)
        self.models = ModelMetrics(make)
        self.background = BackgroundMetrics(make)
        self._spans = make.counter("plimsoll_spans", "Spans of sampled traces by what became of them.", "result")
        for result in ("exported", "failed", "dropped"):
            self._spans.labels(result)
        self.log_lines_dropped = make.counter(
            "plimsoll_log_lines_dropped", "Log lines that were dropped because nobody read the log in time."
        )
        self.build = make.gauge("plimsoll_build_info", "1, and the version of Plimsoll.", "version", together="livemax")
        objective = make.gauge(
            "plimsoll_objective_seconds",
            "The latency objective; `edge` is the `le` of plimsoll_request_duration_seconds that it is.",
            "edge",
            together="livemax",
        )
        edge = floatToGoString(objective_seconds)  # type: ignore[no-untyped-call]
        objective.labels(edge).set(objective_seconds)
        self.descriptions = tuple(make.made)

    def count_refusal(self, reason: str) -> None:
        """A connection was refused or closed for one of `CONNECTION_REASONS`."""
        self.connections.refused.labels(reason).inc()

    def count_spans(self, result: str, spans: int) -> None:
        """So many spans were `exported`, `failed` or `dropped`; from any thread."""
        self._spans.labels(result).inc(spans)
