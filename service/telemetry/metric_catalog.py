"""Every metric: its name, labels and buckets, on a registry that is handed in."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

# The 14 default edges of OpenTelemetry and prometheus-client, and two below for models that answer in a millisecond.
_DURATION_EDGES_SECONDS = (
    0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
)  # fmt: skip


class MetricCatalog:
    """The metrics of one process.

    `objective_seconds` becomes an edge of the duration histogram, so that the share of requests within the objective
    can be read exactly.
    """

    def __init__(self, registry: CollectorRegistry, objective_seconds: float) -> None:
        self.registry = registry
        self.requests = Counter(
            "plimsoll_requests",
            "Predict requests by how they ended.",
            ("model", "version", "protocol", "code"),
            registry=registry,
        )
        self.request_duration = Histogram(
            "plimsoll_request_duration_seconds",
            "From the first byte of a predict request to its answer, for requests that a model answered.",
            ("model", "version", "protocol"),
            buckets=sorted({*_DURATION_EDGES_SECONDS, objective_seconds}),
            registry=registry,
        )
        self.requests_in_flight = Gauge(
            "plimsoll_requests_in_flight",
            "Predict requests that have entered and not been answered.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.model_info = Gauge(
            "plimsoll_model_info",
            "1 for every version that is ready, with what it was loaded from.",
            ("model", "version", "digest", "format", "device"),
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.model_load = Gauge(
            "plimsoll_model_load_seconds",
            "How long the version took from opening its bundle to having passed its golden samples.",
            ("model", "version"),
            registry=registry,
            multiprocess_mode="livemax",
        )
