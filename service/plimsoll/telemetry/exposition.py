"""Renders the answer to a scrape of /metrics."""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    Metric,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from plimsoll.telemetry.metric_catalog import MetricDescription
from plimsoll.telemetry.shared_metrics import readable
from plimsoll.telemetry.version_statistics import FiguresByVersion, figures_by_version

_log = logging.getLogger(__name__)

Devices = Callable[[], list[tuple[str, int, int]]]
"""Lists GPUs as name, bytes in use and bytes in all; asked at every scrape."""
_OPEN_METRICS = "application/openmetrics-text"
GPU_MEMORY = MetricDescription(
    "plimsoll_gpu_memory_bytes",
    "gauge",
    ("device", "state"),
    "Memory of each GPU, by state: used (by any process) and total. Only on machines with a GPU.",
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


class _SharedMetrics(MultiProcessCollector):
    """The sums of what all workers have written, without the files that are broken."""

    def __init__(self, broken: set[str]) -> None:
        super().__init__(None)  # type: ignore[no-untyped-call]
        self._broken = broken

    def collect(self) -> Iterable[Metric]:
        files = [str(file) for file in Path(self._path).glob("*.db")]
        try:
            return self._sums(files)
        except (OSError, ValueError, RuntimeError, struct.error):
            whole = [file for file in files if readable(file)]
            for file in sorted({*files} - {*whole} - self._broken):
                _log.warning("metrics file %s is broken; its counts are missing from /metrics", Path(file).name)
            self._broken |= {*files} - {*whole}
            return self._sums(whole)

    def _sums(self, files: list[str]) -> Iterable[Metric]:
        sums: Iterable[Metric] = self.merge(files)  # type: ignore[no-untyped-call]
        return sums


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
        self._broken: set[str] = set()

    def __call__(self, accept: str = "") -> tuple[bytes, str]:
        """The body of a scrape and its content type, for what an Accept header says."""
        # Only the kind is passed on: prometheus-client breaks down on a version that is no number.
        wanted = any(each.partition(";")[0].strip() == _OPEN_METRICS for each in accept.split(","))
        encode, content_type = choose_encoder(_OPEN_METRICS if wanted else "")
        return encode(self._collected()), content_type

    def figures(self) -> FiguresByVersion:
        """The figures of each version, of all processes together. May be called on any thread."""
        return figures_by_version(self._collected().collect())

    def _collected(self) -> CollectorRegistry:
        if not self._many_processes:
            return self._registry
        # A collector per scrape, as prometheus-client asks: it reads the files of whichever processes live now.
        shared = CollectorRegistry()
        shared.register(_SharedMetrics(self._broken))
        shared.register(_DeviceMemory(self._device_memory))
        return shared
