"""Every metric: its name, labels and buckets, on a registry that is handed in."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

# The 14 default edges of OpenTelemetry and prometheus-client, and two below for models that answer in a millisecond.
_DURATION_EDGES_SECONDS = (
    0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
)  # fmt: skip

_ROW_EDGES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class RequestMetrics:
    """What becomes of predict requests."""

    def __init__(self, registry: CollectorRegistry, objective_seconds: float) -> None:
        self.ended = Counter(
            "plimsoll_requests",
            "Predict requests by how they ended.",
            ("model", "version", "protocol", "code"),
            registry=registry,
        )
        self.duration = Histogram(
            "plimsoll_request_duration_seconds",
            "From the first byte of a predict request to its answer, for requests that a model answered.",
            ("model", "version", "protocol"),
            buckets=sorted({*_DURATION_EDGES_SECONDS, objective_seconds}),
            registry=registry,
        )
        self.shed = Counter(
            "plimsoll_requests_shed",
            "Predict requests that were refused or dropped without being computed, by why.",
            ("model", "version", "reason"),
            registry=registry,
        )
        self.cache_lookups = Counter(
            "plimsoll_cache_lookups",
            "Inputs that were looked up in the response cache, by whether their answer was there.",
            ("model", "version", "result"),
            registry=registry,
        )
        self.in_flight = Gauge(
            "plimsoll_requests_in_flight",
            "Predict requests that have entered and not been answered.",
            registry=registry,
            multiprocess_mode="livesum",
        )


class BatchMetrics:
    """How requests become batches, and what the model makes of those."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.queue_wait = Histogram(
            "plimsoll_queue_wait_seconds",
            "From a request's rows being complete to its batch being run.",
            ("model", "version"),
            buckets=_DURATION_EDGES_SECONDS,
            registry=registry,
        )
        self.inference_duration = Histogram(
            "plimsoll_inference_duration_seconds",
            "One run of the model over one batch.",
            ("model", "version"),
            buckets=_DURATION_EDGES_SECONDS,
            registry=registry,
        )
        self.rows = Histogram(
            "plimsoll_batch_size",
            "Rows in a batch that was run.",
            ("model", "version"),
            buckets=_ROW_EDGES,
            registry=registry,
        )


class ModelMetrics:
    """Which versions are served, and how loading them went."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.info = Gauge(
            "plimsoll_model_info",
            "1 for every version that is ready, with what it was loaded from.",
            ("model", "version", "digest", "format", "device"),
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.load_failures = Counter(
            "plimsoll_model_load_failures",
            "Attempts to load a version that failed, by the check that failed.",
            ("model", "version", "check"),
            registry=registry,
        )
        self.load_seconds = Gauge(
            "plimsoll_model_load_seconds",
            "How long the version took from opening its bundle to having passed its golden samples.",
            ("model", "version"),
            registry=registry,
            multiprocess_mode="livemax",
        )


class MetricCatalog:
    """The metrics of one process.

    `objective_seconds` becomes an edge of the duration histogram, so that the share of requests within the objective
    can be read exactly.
    """

    def __init__(self, registry: CollectorRegistry, objective_seconds: float) -> None:
        self.registry = registry
        self.requests = RequestMetrics(registry, objective_seconds)
        self.batches = BatchMetrics(registry)
        self.models = ModelMetrics(registry)
