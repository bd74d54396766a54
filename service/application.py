"""The composition root: builds each object once and hands it on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig

from service import __version__
from service.api.catalog import Catalog
from service.api.error_responses import error_response
from service.api.metrics_endpoint import MetricsEndpoint
from service.api.predict import PredictV1
from service.api.probes import Probes
from service.api.request_scope import RequestScope
from service.api.routes import Handlers, install_routes
from service.api.serving_state import ServingState
from service.bundle.shelf import Shelf
from service.control.desired_state import DesiredState, highest_of_each, read_desired_state
from service.control.reconciler import Reconciler
from service.control.version_registry import VersionRegistry, VersionStatus
from service.fronts.v1_json import MAX_ROWS
from service.inference.pipeline import Pipeline
from service.lifecycle import Lifecycle
from service.runtime.devices import device_memory, limit_threads, resolve_device
from service.runtime.model_loader import ModelLoader
from service.settings import Settings
from service.telemetry.exposition import CONTENT_TYPE, exposition, new_registry
from service.telemetry.inference_observer import InferenceObserver
from service.telemetry.metric_catalog import MetricCatalog
from service.telemetry.tracing import Tracing

_NO_NATIVE_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "operation_spans": False}
"""FastAPI can trace by itself; beside the contrib instrumentation that would give every request two spans."""


class Application:
    """One service in one process: `app` answers requests, `metrics_app` scrapes where they have a port of their own.

    Raises:
        DeviceError: the device of the settings is not on this machine.
    """

    def __init__(self, settings: Settings) -> None:
        limit_threads(settings.torch_threads)
        registry = VersionRegistry(settings.default_model)
        metrics = MetricCatalog(new_registry(), settings.objective_seconds)
        observer = InferenceObserver(metrics)
        pipeline = Pipeline(registry)
        loader = ModelLoader(
            resolve_device(settings.device),
            trust_pt2=settings.trust_pt2,
            batch_sizes=_batch_sizes(MAX_ROWS),
            inline_budget_seconds=settings.inline_budget_seconds,
        )
        shelf = Shelf(settings.models_dir)
        state = ServingState()
        self.lifecycle = Lifecycle(
            state,
            Reconciler(shelf, loader, registry, partial(_report_ready, observer)),
            pipeline,
            _desired_state_reader(settings, shelf),
            stop_wait_seconds=settings.stop_wait_seconds,
            stop_drain_seconds=settings.stop_drain_seconds,
        )
        self._tracing = Tracing(__version__) if settings.otel_endpoint else None
        scrapes = MetricsEndpoint(exposition(metrics.registry, many_processes=settings.workers > 1), CONTENT_TYPE)
        self.metrics_app = scrapes.application() if settings.metrics_port is not None else None
        self.app = FastAPI(
            title="Plimsoll",
            version=__version__,
            summary="Serves PyTorch models: checked before they take traffic, explainable under load.",
            lifespan=self._lifespan,
            redoc_url=None,
            telemetry=_NO_NATIVE_TELEMETRY,
        )
        self.app.add_middleware(RequestScope, state=state, respond=error_response)
        handlers = Handlers(
            predict=PredictV1(pipeline, observer, settings.max_body_bytes),
            catalog=Catalog(registry),
            probes=Probes(state, registry, device_memory),
            metrics=scrapes if self.metrics_app is None else None,
        )
        install_routes(self.app, handlers)
        if self._tracing is not None:
            self._tracing.instrument(self.app)

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        self.lifecycle.start()
        try:
            yield
        finally:
            await self.lifecycle.close()
            if self._tracing is not None:
                self._tracing.close()


def _desired_state_reader(settings: Settings, shelf: Shelf) -> Callable[[], DesiredState]:
    if settings.desired_state is None:
        return partial(highest_of_each, shelf)
    return partial(read_desired_state, settings.desired_state)


def _report_ready(observer: InferenceObserver, status: VersionStatus) -> None:
    if status.report is not None:
        report = status.report
        facts = {"digest": report.digest, "format": report.manifest.model.format, "device": report.device}
        observer.version_ready(status.name, status.version, facts, report.load_seconds)


def _batch_sizes(largest: int) -> list[int]:
    """Powers of two, and the largest."""
    return [*(1 << power for power in range((largest - 1).bit_length())), largest]
