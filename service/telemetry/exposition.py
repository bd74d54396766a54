"""What a scrape of /metrics answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client import generate_latest as render
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

CONTENT_TYPE = CONTENT_TYPE_LATEST


class _DeviceMemory(Collector):
    def __init__(self, device_memory: Callable[[], list[tuple[str, int, int]]]) -> None:
        self._device_memory = device_memory

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily(
            "plimsoll_gpu_memory_bytes", "Memory of each GPU, in use by anyone and in all.", labels=("device", "state")
        )
        for device, used, total in self._device_memory():
            family.add_metric((device, "used"), used)
            family.add_metric((device, "total"), total)
        yield family


def new_registry(device_memory: Callable[[], list[tuple[str, int, int]]] = list) -> CollectorRegistry:
    """A registry of its own with the process, garbage collection, platform and device metrics on it.

    `device_memory` lists GPUs as name, bytes in use and bytes in all; it is asked at every scrape.
    """
    # A creation time beside every counter doubles the series of a scrape, and nothing reads it.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    registry.register(_DeviceMemory(device_memory))
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
