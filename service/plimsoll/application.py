"""The composition root: builds each object once and hands it on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI

from plimsoll import __version__
from plimsoll.access.key_source import KeySource
from plimsoll.api.access_log import AccessLog
from plimsoll.api.auth import Gate
from plimsoll.api.catalog import Catalog
from plimsoll.api.edge import Edge, EdgeParts, admin_edge
from plimsoll.api.metrics_endpoint import MetricsEndpoint
from plimsoll.api.path_prefix import PathPrefix
from plimsoll.api.probes import Probes
from plimsoll.api.request_body import BodyReader
from plimsoll.api.serving_state import ServingState
from plimsoll.api.site_policy import SitePolicy
from plimsoll.background_tasks import BackgroundTasks
from plimsoll.bundle.shelf import Shelf
from plimsoll.control.desired_state import DesiredModel, StateRules
from plimsoll.control.desired_state_file import DesiredStateFile
from plimsoll.control.desired_state_source import DesiredStateSource
from plimsoll.control.reconciler import Reconciler
from plimsoll.control.version_loading import VersionLoading
from plimsoll.control.version_registry import VersionRegistry, VersionStatus
from plimsoll.control.worker_board import WorkerBoard
from plimsoll.fronts import PROTOCOLS, STREAMED, WITHOUT_422
from plimsoll.inference.admission import AdmissionLimits
from plimsoll.inference.batch_lane import BatchLane, LaneLimits
from plimsoll.inference.batch_limits import BatchLimits
from plimsoll.inference.deadlines import DeadlineLimits
from plimsoll.inference.line import Line
from plimsoll.inference.model_thread import ModelThread
from plimsoll.inference.ports import Model
from plimsoll.inference.reading_pool import ReadingPool
from plimsoll.inference.served_version import ServedVersion
from plimsoll.inference.watchdog import Watchdog
from plimsoll.lifecycle import Lifecycle, Part, StopSeconds
from plimsoll.observed_versions import ObservedVersions
from plimsoll.rpc import PROTOCOL as GRPC
from plimsoll.runtime.devices import device_memory
from plimsoll.runtime.loader_options import LoaderOptions
from plimsoll.runtime.loading import new_loader
from plimsoll.runtime.model_loader import ModelLoader
from plimsoll.runtime.task_factories import TaskFactories
from plimsoll.runtime.threads import limit_threads
from plimsoll.settings import Settings
from plimsoll.stores.memory_cache import MemoryCache
from plimsoll.tasks import TaskBinder
from plimsoll.telemetry.exposition import Exposition, new_registry
from plimsoll.telemetry.inference_observer import InferenceObserver, Protocols, VersionObserver
from plimsoll.telemetry.library_refusals import refusals_of_libraries
from plimsoll.telemetry.log_writer import LogWriter
from plimsoll.telemetry.metric_catalog import MetricCatalog
from plimsoll.telemetry.task_metrics import VersionTaskObserver
from plimsoll.telemetry.version_metrics import VersionMetrics
from plimsoll.watched_file import FileStates, LastGoodCopy

if TYPE_CHECKING:
    from plimsoll.telemetry.tracing import Tracing

_log = logging.getLogger(__name__)


class Application:
    """One service in one process: `asgi` answers requests, `metrics_app` answers scrapes on a port of their own.

    `asgi` wraps `app`, the FastAPI application, which `document` describes. `admin_app` is set when a desired state is
    configured. `rpc` has the parts that gRPC needs. Workers of one server share `workers_folder`. A metric counts the
    lines that `log` drops.

    Raises:
        DeviceError: this machine does not have the device of the settings.
    """

    def __init__(self, settings: Settings, workers_folder: Path | None = None, log: LogWriter | None = None) -> None:
        self.settings = settings
        self._waits_for_models = workers_folder is not None
        metrics = _metrics(settings, log)
        self.count_refusal = metrics.count_refusal
        tracing = _tracing(settings, metrics)
        observer = InferenceObserver(metrics, _protocols(settings), tracing.current_trace_id if tracing else None)
        watchdog = Watchdog(settings.stuck_seconds)
        versions = ObservedVersions(VersionMetrics(metrics), observer, watchdog)
        registry, catalog = _registry_and_catalog(settings, versions, workers_folder)
        self._stick, self._show_stuck = registry.stick, versions.stuck
        shelf = Shelf(settings.models_dir)
        state = ServingState()
        files = FileStates(metrics.background.file_checked)
        tasks = BackgroundTasks(metrics.background.task_restarted)
        observe = partial(VersionTaskObserver, metrics, spans=None if tracing is None else tracing.batches)
        bind = TaskBinder(TaskFactories(settings.factories), observe, settings.task_limits)
        loading = VersionLoading(shelf, _loader(settings), registry, settings.start_seconds, bind)
        reading = ReadingPool(settings.inline_body_bytes, settings.decode_threads)
        self.lifecycle = Lifecycle(
            state,
            _desired_state_source(settings, shelf, files, workers_folder, registry),
            Reconciler(loading, registry, partial(_new_lane, settings, metrics, tracing), versions),
            tasks,
            StopSeconds(settings.stop_wait_seconds, settings.stop_drain_seconds),
            [
                *([] if tracing is None else [Part(close=partial(asyncio.to_thread, tracing.close))]),
                Part(close=metrics.observations.count),
                Part(close=reading.close),
                Part(partial(self._watch, watchdog), watchdog.stop),
            ],
        )
        gate = _gate(settings, tasks, files, workers_folder)
        exposition = Exposition(metrics.registry, device_memory, many_processes=settings.workers > 1)
        scrapes = MetricsEndpoint(exposition)
        self.metrics_app = scrapes.application() if settings.metrics_port is not None else None
        parts = EdgeParts(
            version=__version__,
            state=state,
            registry=registry,
            catalog=catalog,
            gate=gate,
            line=_line(settings, registry, reading, observer),
            observer=observer,
            bodies=BodyReader(settings.max_body_bytes, settings.body_progress_seconds, reading),
            arriving=AdmissionLimits(settings.hard_queue_limit, settings.queue_bytes, settings.max_reading),
            probes=Probes(state, registry, device_memory, watchdog.overdue, tasks.states, files.states),
            metrics=scrapes if self.metrics_app is None else None,
            access_log=AccessLog(settings.access_log_per_second),
            sites=SitePolicy(settings.hosts, settings.allowed_origins),
            prefix=PathPrefix(settings.root_path, [ip_network(each) for each in settings.trusted_proxies]),
            tracer=tracing,
            figures=exposition.figures,
        )
        edge = Edge(parts, self._lifespan, settings.root_path)
        self.app, self.asgi, self.document = edge.app, edge.asgi, edge.document
        self.admin_app = _admin_app(settings, parts, shelf)
        self.rpc = parts.for_rpc(tracing.calls if tracing else None)

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        _log.info(
            "a forward pass uses up to %d threads of the CPU; PyTorch's uses one on the event loop",
            self.settings.forward_threads, extra={"threads": self.settings.forward_threads},
        )  # fmt: skip
        self.lifecycle.start()
        try:
            if self._waits_for_models:
                await self.lifecycle.settled()  # accept no connections before the models are loaded
            yield
        finally:
            await self.lifecycle.close()

    def _watch(self, watchdog: Watchdog) -> None:
        watchdog.start(partial(self._stuck_changed, asyncio.get_running_loop()))

    def _stuck_changed(self, loop: asyncio.AbstractEventLoop, served: ServedVersion, stuck: bool) -> None:  # noqa: FBT001
        if stuck:
            # From this thread, because the forward pass may block the event loop.
            self._show_stuck(served.name, served.version)
        with contextlib.suppress(RuntimeError):  # the loop has been closed
            loop.call_soon_threadsafe(partial(self._stick, served, stuck=stuck))


def _protocols(settings: Settings) -> Protocols:
    return Protocols(PROTOCOLS if settings.grpc_port is None else (*PROTOCOLS, GRPC), STREAMED, WITHOUT_422)


def _metrics(settings: Settings, log: LogWriter | None) -> MetricCatalog:
    registry = new_registry(device_memory)
    metrics = MetricCatalog(registry, settings.objective_seconds, many_processes=settings.workers > 1)
    metrics.build.labels(__version__).set(1)
    metrics.queues.concurrency.set(settings.concurrency)
    if log is not None:
        log.count_dropped(metrics.log_lines_dropped.inc)
    return metrics


def _tracing(settings: Settings, metrics: MetricCatalog) -> Tracing | None:
    if not settings.traced:
        return None
    with refusals_of_libraries():
        from plimsoll.telemetry import span_export, tracing  # noqa: PLC0415  # a server without traces needs neither
    queue = span_export.SpanQueue(settings.otel_queue_spans, settings.otel_spans_per_export)
    return tracing.Tracing(__version__, settings.traces_protocol, queue, metrics.count_spans)


def _registry_and_catalog(
    settings: Settings, versions: ObservedVersions, workers_folder: Path | None
) -> tuple[VersionRegistry, Catalog]:
    registry_for = partial(
        VersionRegistry, settings.default_model, settings.track, all_must_serve=settings.ready_when == "all"
    )
    if workers_folder is None:
        registry = registry_for(versions.states_changed)
        return registry, Catalog(registry)
    board = WorkerBoard(workers_folder)

    def tell_everyone(statuses: list[VersionStatus]) -> None:
        versions.states_changed(statuses)
        board.publish(statuses)

    registry = registry_for(tell_everyone)
    return registry, Catalog(registry, board.slowest, board.others_have)


def _loader(settings: Settings) -> ModelLoader:
    return new_loader(
        LoaderOptions(settings.device, settings.trust_pt2, settings.factories, settings.forward_threads),
        max_batch_rows=settings.max_batch_rows,
        max_batch_elements=settings.max_batch_elements,
        inline_budget_seconds=settings.inline_budget_seconds,
        warmup_seconds=settings.warmup_seconds,
    )


def _line(settings: Settings, registry: VersionRegistry, reading: ReadingPool, observer: InferenceObserver) -> Line:
    return Line(
        registry,
        DeadlineLimits(settings.request_timeout_ms, settings.max_request_timeout_ms),
        reading,
        observer,
        MemoryCache(settings.cache_bytes) if settings.cache_bytes else None,
    )


def _gate(settings: Settings, tasks: BackgroundTasks, files: FileStates, workers_folder: Path | None) -> Gate:
    """A gate that follows the key file in the background, or lets every request through if no key file is set."""
    if settings.keys_file is None:
        _log.warning("no API keys are set; anyone who can reach this server can send requests")
        return Gate(None)
    keys = KeySource(settings.keys_file, partial(files.report, "keys"), _copy(workers_folder, "keys"))
    gate = Gate(keys.first())
    tasks.add("keys", partial(keys.follow, gate.use))
    return gate


def _desired_state_source(
    settings: Settings, shelf: Shelf, files: FileStates, workers_folder: Path | None, registry: VersionRegistry
) -> DesiredStateSource:
    return DesiredStateSource(
        settings.desired_state,
        shelf,
        rules=_rules(settings),
        report=partial(files.report, "desired_state"),
        copy=_copy(workers_folder, "desired_state"),
        remark=registry.remark,
    )


def _rules(settings: Settings) -> StateRules:
    return StateRules(settings.track is None, settings.objective_ms)


def _copy(workers_folder: Path | None, file: str) -> LastGoodCopy | None:
    return None if workers_folder is None else LastGoodCopy(workers_folder / f"{file}.last-good")


def _admin_app(settings: Settings, parts: EdgeParts, shelf: Shelf) -> FastAPI | None:
    if settings.desired_state is None:
        return None
    file = DesiredStateFile(settings.desired_state, shelf, _rules(settings))
    sites = SitePolicy(settings.admin_hosts, settings.allowed_origins)
    return admin_edge(parts, file, shelf, sites, settings.start_seconds)


def _new_lane(
    settings: Settings,
    metrics: MetricCatalog,
    tracing: Tracing | None,
    desired: DesiredModel,
    version: str,
    model: Model,
) -> BatchLane:
    """The lane of a version, with the model's own limits from the desired state, or else those of the settings."""
    limit_threads(1)  # of the event loop; the model's own thread has more, because it may wait for them
    own = desired.limits
    rows = min(own.max_batch_rows or settings.max_batch_rows, settings.max_batch_rows)
    wait_ms = settings.max_wait_ms if own.max_wait_ms is None else own.max_wait_ms
    limits = LaneLimits(
        AdmissionLimits(
            own.queue_limit or settings.hard_queue_limit, own.queue_bytes or settings.queue_bytes, settings.max_reading
        ),
        BatchLimits(rows, wait_ms / 1000, min(settings.max_batch_elements, model.most_elements)),
        settings.inline_budget_seconds,
    )
    spans = None if tracing is None else tracing.batches
    observer = VersionObserver(metrics, desired.name, version, limits.admission.requests, spans)
    return BatchLane(
        model, limits, observer, ModelThread("inference", partial(limit_threads, settings.forward_threads))
    )
