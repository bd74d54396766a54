"""The HTTP edge over echo models: every real part of the room, none of torch."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import httpx
import pytest
from fastapi import FastAPI

from service.api.catalog import Catalog
from service.api.error_responses import error_response
from service.api.metrics_endpoint import MetricsEndpoint
from service.api.predict import PredictV1
from service.api.probes import Probes
from service.api.request_scope import RequestScope
from service.api.routes import Handlers, install_routes
from service.api.serving_state import Phase, ServingState
from service.control.version_registry import VersionRegistry
from service.inference.pipeline import Pipeline
from service.inference.ports import Model, ServedVersion
from tests.conftest import MakeBundle
from tests.doubles.bundles import report_on
from tests.doubles.observers import RecordingObserver

MAX_BODY_BYTES = 2000


@dataclass
class Edge:
    """An application with everything behind it within reach."""

    app: FastAPI
    client: httpx.AsyncClient
    state: ServingState
    registry: VersionRegistry
    observer: RecordingObserver
    serve: Callable[[str, str, Model], None] = field(repr=False)


@pytest.fixture
async def edge(make_tiny_bundle: MakeBundle) -> AsyncIterator[Edge]:
    """An application that serves nothing yet; `serve` adds a version."""
    state, registry, observer = ServingState(), VersionRegistry(), RecordingObserver()
    state.phase = Phase.SERVING
    pipeline = Pipeline(registry)
    report = report_on(make_tiny_bundle())
    app = FastAPI(redoc_url=None)
    app.add_middleware(RequestScope, state=state, respond=error_response)
    handlers = Handlers(
        predict=PredictV1(pipeline, observer, MAX_BODY_BYTES),
        catalog=Catalog(registry),
        probes=Probes(state, registry, lambda: [("cuda:0", 1, 2)]),
        metrics=MetricsEndpoint(lambda: b"up 1\n", "text/plain; version=test"),
    )
    install_routes(app, handlers)

    def serve(name: str, version: str, model: Model) -> None:
        registry.ready(ServedVersion(name, version, model), report)

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://plimsoll") as client:
        yield Edge(app, client, state, registry, observer, serve)
    pipeline.close()
