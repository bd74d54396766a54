"""What a scrape of /metrics answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from service.telemetry.metric_catalog import MetricDescription

Devices = Callable[[], list[tuple[str, int, int]]]
"""Lists GPUs as name, bytes in use and bytes in all; asked at every scrape."""
_OPEN_METRICS = "application/openmetrics-text"
GPU_MEMORY = MetricDescription(
    "plimsoll_gpu_memory_bytes",
    "gauge",
    ("device", "state"),
    "Memory of each GPU: used, by anyone, and total. There where a GPU is.",
)


class _DeviceMemory(Collector):
    def __init__(self, device_memory: Devices) -> None:
        self._device_memory = device_memory

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily(GPU_MEMORY.name, GPU_MEMORY.meaning, labels=GPU_MEMORY.labels)
        for device, used, total in self._device_memory():
            family.add_metric((device, "used"), used)
            family.add_metric((device, "total"), total)
        yield family


def new_registry(device_memory: Devices = list) -> CollectorRegistry:
    """A registry of its own with the process, garbage collection, platform and device metrics on it."""
    # A creation time beside every counter doubles the series of a scrape, and nothing reads it.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    registry.register(_DeviceMemory(device_memory))
    return registry


class Exposition:
    """Renders the metrics of a registry as the scraper wants them: the Prometheus text format, or OpenMetrics.

    Where `many_processes` serve together, it adds up what all of them have written to the shared folder. Metrics of the
    process are left out then, since there is no one process to speak of, and so are the examples of traces in
    OpenMetrics, which prometheus-client keeps for one process only.
    """

    def __init__(self, registry: CollectorRegistry, device_memory: Devices = list, *, many_processes: bool) -> None:
        self._registry = registry
        self._device_memory = device_memory
        self._many_processes = many_processes

    def __call__(self, accept: str = "") -> tuple[bytes, str]:
        """The body of a scrape and its content type, for what an Accept header says."""
        # Only the kind is passed on: prometheus-client breaks down on a version that is no number.
        wanted = any(each.partition(";")[0].strip() == _OPEN_METRICS for each in accept.split(","))
        encode, content_type = choose_encoder(_OPEN_METRICS if wanted else "")
        return encode(self._collected()), content_type

    def _collected(self) -> CollectorRegistry:
        if not self._many_processes:
            return self._registry
        # A collector per scrape, as prometheus-client asks: it reads the files of whichever processes live now.
        shared = CollectorRegistry()
        MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
        shared.register(_DeviceMemory(self._device_memory))
        return shared
