"""Every metric: its name, labels, buckets and meaning, on a registry that is handed in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.utils import floatToGoString

from plimsoll.telemetry.class_metrics import ClassMetrics
from plimsoll.telemetry.observations import Observations
from plimsoll.telemetry.stream_metrics import StreamMetrics

# The 14 default edges of OpenTelemetry and prometheus-client, and two below for models that answer in a millisecond.
_DURATION_EDGES_SECONDS = (
    0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
)  # fmt: skip
_ROW_EDGES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_OF_VERSION = ("model", "version")
_SHARED_WITHIN_SECONDS = 0.25

Together = Literal["livemax", "livesum"]
"""Combines a gauge of several processes: the largest value of the live ones, or the sum."""


@dataclass(frozen=True, slots=True)
class MetricDescription:
    """The row of one metric in docs/metrics.md."""

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
    """Metrics of predict requests."""

    def __init__(self, make: MetricMaker, objective_seconds: float) -> None:
        self.ended = make.counter(
            "plimsoll_requests",
            "Predict requests by status code; 499 means that the client left.",
            "model", "version", "protocol", "code",
        )  # fmt: skip
        self.duration = make.histogram(
            "plimsoll_request_duration_seconds",
            "Time from the arrival of a predict request to its answer, of requests that a model answered.",
            "model", "version", "protocol", edges=sorted({*_DURATION_EDGES_SECONDS, objective_seconds}),
        )  # fmt: skip
        self.shed = make.counter(
            "plimsoll_requests_shed",
            "Predict requests that no model answered because they were refused or given up, by reason.",
            *_OF_VERSION, "reason",
        )  # fmt: skip
        self.cancelled = make.counter(
            "plimsoll_requests_cancelled", "Predict requests whose client left before the answer.", *_OF_VERSION
        )
        self.deadline_exceeded = make.counter(
            "plimsoll_requests_deadline_exceeded", "Predict requests that exceeded their timeout.", *_OF_VERSION
        )
        self.cache_lookups = make.counter(
            "plimsoll_cache_lookups",
            "Lookups in the response cache, by result (hit or miss).",
            *_OF_VERSION, "result",
        )  # fmt: skip
        self.in_flight = make.gauge(
            "plimsoll_requests_in_flight",
            "Predict requests that have arrived and are not answered, including those whose body is still "
            "being received.",
            together="livesum",
        )
        self.in_flight_seconds = make.counter(
            "plimsoll_request_in_flight_seconds",
            "Sum of the seconds that predict requests have been in flight, including those that still are; "
            "its rate is the mean number in flight.",
        )


class QueueMetrics:
    """Metrics of the queues and their limits."""

    def __init__(self, make: MetricMaker) -> None:
        self.depth = make.gauge(
            "plimsoll_queue_depth",
            "Complete requests that wait because the model is busy.",
            *_OF_VERSION,
            together="livesum",
        )
        self.limit = make.gauge(
            "plimsoll_queue_limit",
            "Most complete requests that may run and wait; more are answered 429.",
            *_OF_VERSION,
            together="livesum",
        )
        self.concurrency = make.gauge(
            "plimsoll_concurrency",
            "Number of requests in flight at which a server works best (serving.concurrency).",
            together="livesum",
        )


CONNECTION_REASONS = (
    *("too_many_connections", "too_many_from_address", "malformed_request", "request_line_too_long"),
    *("head_too_large", "head_too_slow", "body_too_slow", "answer_not_read", "websocket_silent"),
)
"""The reasons for which a connection is refused or closed. The counter of each starts at 0."""


class ConnectionMetrics:
    """Metrics of connections."""

    def __init__(self, make: MetricMaker) -> None:
        self.refused = make.counter(
            "plimsoll_connections_refused",
            "Connections refused or closed, by reason: too many connections, invalid HTTP, too much data, or "
            "a client that is too slow.",
            "reason",
        )
        for reason in CONNECTION_REASONS:
            self.refused.labels(reason)


class BatchMetrics:
    """Metrics of batches and forward passes."""

    def __init__(self, make: MetricMaker) -> None:
        self.queue_wait = make.histogram(
            "plimsoll_queue_wait_seconds",
            "Time that a request with complete rows waits until its batch runs.",
            *_OF_VERSION,
            edges=_DURATION_EDGES_SECONDS,
        )
        self.inference_duration = make.histogram(
            "plimsoll_inference_duration_seconds",
            "Duration of one forward pass over one batch, successful or not.",
            *_OF_VERSION,
            edges=_DURATION_EDGES_SECONDS,
        )
        self.rows = make.histogram("plimsoll_batch_size", "Rows per batch.", *_OF_VERSION, edges=_ROW_EDGES)
        self.elements = make.counter(
            "plimsoll_batch_elements",
            "Elements of the inputs in batches that have run, by kind (real or padding). Only batches whose rows have "
            "no fixed length are counted.",
            *_OF_VERSION, "kind",
        )  # fmt: skip


class TaskMetrics:
    """Metrics of tasks of one's own; `name` is declared by the task, so it is one of few."""

    def __init__(self, make: MetricMaker) -> None:
        labels = (*_OF_VERSION, "name")
        self.duration = make.histogram(
            "plimsoll_task_duration_seconds",
            "Time in the code of a task of one's own: name `read` or `write` for a whole request, or a name that the "
            "task declares.", *labels, edges=_DURATION_EDGES_SECONDS,
        )  # fmt: skip
        meaning = "Events that the code of a task of one's own has counted, by a name that the task declares."
        self.events = make.counter("plimsoll_task_events", meaning, *labels)


class ModelMetrics:
    """Metrics of versions and of loading them."""

    def __init__(self, make: MetricMaker) -> None:
        self.info = make.gauge(
            "plimsoll_model_info",
            "1 for each ready version, with the digest, format and device of its bundle.",
            *_OF_VERSION, "digest", "format", "device", together="livemax",
        )  # fmt: skip
        self.state = make.gauge(
            "plimsoll_model_state",
            "1 for the current state of a version, 0 for all other states.",
            *_OF_VERSION, "state", together="livemax",
        )  # fmt: skip
        self.load_failures = make.counter(
            "plimsoll_model_load_failures",
            "Failed attempts to load a version, by the check that failed.",
            *_OF_VERSION, "check",
        )  # fmt: skip
        self.load_seconds = make.gauge(
            "plimsoll_model_load_seconds",
            "Time to load the version, from opening its bundle to passing its golden samples.",
            *_OF_VERSION, together="livemax",
        )  # fmt: skip
        self.warmup_seconds = make.gauge(
            "plimsoll_model_warmup_seconds",
            "Time to warm up the version at every batch size.",
            *_OF_VERSION, together="livemax",
        )  # fmt: skip


BACKGROUND_TASKS = ("keys", "desired_state")
"""The tasks that follow a file in the background. The restart counter of each starts at 0."""


class BackgroundMetrics:
    """Metrics of followed files and background tasks."""

    def __init__(self, make: MetricMaker) -> None:
        self._file_broken = make.gauge(
            "plimsoll_file_broken",
            "1 if the file (keys or desired_state) is broken and its last good content is in force, "
            "otherwise 0.",
            "file", together="livemax",
        )  # fmt: skip
        self._restarts = make.counter(
            "plimsoll_background_task_restarts",
            "Restarts of a background task (keys or desired_state) that stopped.",
            "task",
        )
        for task in BACKGROUND_TASKS:
            self._restarts.labels(task)

    def file_checked(self, file: str, broken: bool) -> None:  # noqa: FBT001  # a callback
        """Record whether a followed file can be used."""
        self._file_broken.labels(file).set(broken)

    def task_restarted(self, task: str) -> None:
        """Count the restart of a background task."""
        self._restarts.labels(task).inc()


class MetricCatalog:
    """The metrics of one process.

    `objective_seconds` becomes an edge of the duration histogram, so that the share of requests within the objective
    can be read exactly; a gauge names that edge. `observations` are counted before the registry is read, or within a
    quarter of a second if `many_processes` is set.
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
        self.classes = ClassMetrics(make)
        self.tasks = TaskMetrics(make)
        self.streams = StreamMetrics(make, _DURATION_EDGES_SECONDS)
        self.models = ModelMetrics(make)
        self.background = BackgroundMetrics(make)
        self._spans = make.counter(
            "plimsoll_spans", "Spans of sampled traces by result: exported, failed or dropped.", "result"
        )
        for result in ("exported", "failed", "dropped"):
            self._spans.labels(result)
        self.log_lines_dropped = make.counter(
            "plimsoll_log_lines_dropped", "Log lines dropped because the reader of the log was too slow."
        )
        self.build = make.gauge(
            "plimsoll_build_info", "Always 1; the label is the version of Plimsoll.", "version", together="livemax"
        )
        objective = make.gauge(
            "plimsoll_objective_seconds",
            "Latency objective in seconds; `edge` is its bucket boundary (`le`) in plimsoll_request_duration_seconds.",
            "edge",
            together="livemax",
        )
        edge = floatToGoString(objective_seconds)  # type: ignore[no-untyped-call]
        objective.labels(edge).set(objective_seconds)
        self.descriptions = tuple(make.made)

    def count_refusal(self, reason: str) -> None:
        """Count a connection that is refused or closed, for one of `CONNECTION_REASONS`."""
        self.connections.refused.labels(reason).inc()

    def count_spans(self, result: str, spans: int) -> None:
        """Count spans that were `exported`, `failed` or `dropped`. May be called on any thread."""
        self._spans.labels(result).inc(spans)
