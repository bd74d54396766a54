"""What a scrape of /metrics answers."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client import generate_latest as render
from prometheus_client.multiprocess import MultiProcessCollector

CONTENT_TYPE = CONTENT_TYPE_LATEST


def new_registry() -> CollectorRegistry:
    """A registry of its own with the process, garbage collection and platform metrics on it."""
    # A creation time beside every counter doubles the series of a scrape, and nothing reads it.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


def exposition(registry: CollectorRegistry, *, many_processes: bool) -> Callable[[], bytes]:
    """A function that renders the metrics in the Prometheus text format.

    With `many_processes` it adds up what all processes of this server have written to the shared folder; process
    metrics are left out then, since there is no one process to speak of.
    """
    if not many_processes:
        return lambda: render(registry)

    def render_all() -> bytes:
        # A collector per scrape, as prometheus-client asks: it reads the files of whichever processes live now.
        shared = CollectorRegistry()
        MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
        return render(shared)

    return render_all
