"""The HTTP edge over echo models: every real part of the room, none of torch."""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from ipaddress import ip_network

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from plimsoll.api.access_log import AccessLog
from plimsoll.api.api_document import ApiDocument
from plimsoll.api.auth import Gate
from plimsoll.api.catalog import Catalog
from plimsoll.api.error_responses import error_response
from plimsoll.api.index import Index
from plimsoll.api.metrics_endpoint import MetricsEndpoint
from plimsoll.api.parsing_pool import ParsingPool
from plimsoll.api.path_prefix import PathPrefix
from plimsoll.api.predict import PredictV1
from plimsoll.api.predict_routes import PREDICT_ROUTES, PredictRoutes
from plimsoll.api.probes import Probes
from plimsoll.api.request_body import BodyReader
from plimsoll.api.request_scope import RequestScope, Surroundings
from plimsoll.api.routes import Handlers, install_routes
from plimsoll.api.serving_state import Phase, ServingState
from plimsoll.api.site_policy import SitePolicy
from plimsoll.control.desired_state import DesiredModel, DesiredState, DesiredVersion
from plimsoll.control.version_registry import LoadReport, VersionRegistry
from plimsoll.inference.admission import AdmissionLimits
from plimsoll.inference.batch_policy import BatchLimits
from plimsoll.inference.deadline import DeadlineLimits
from plimsoll.inference.lane import Lane, LaneLimits
from plimsoll.inference.pipeline import Pipeline, ServedVersion
from plimsoll.inference.ports import Model
from plimsoll.inference.watchdog import Watchdog
from starlette.types import ASGIApp

from tests.conftest import MakeBundle
from tests.doubles.bundles import report_on
from tests.doubles.observers import RecordingLaneObserver, RecordingObserver

MAX_BODY_BYTES = 2000
INLINE_BODY_BYTES = 1000
HOSTS = ("plimsoll", "localhost", "::1", "other.example:8000")
ORIGINS = ("https://app.example",)
PROGRESS_SECONDS = 0.05
ALL_OF_THEM = 1_000_000
LIMITS = LaneLimits(AdmissionLimits(requests=8, bytes=100_000), BatchLimits(max_rows=128, max_wait_seconds=0.0))


@dataclass
class Edge:
    """An application with everything behind it within reach; it serves nothing until it is told to."""

    app: FastAPI
    asgi: ASGIApp
    client: httpx.AsyncClient
    state: ServingState
    registry: VersionRegistry
    observer: RecordingObserver
    gate: Gate
    document: ApiDocument
    report: LoadReport = field(repr=False)
    watchdog: Watchdog
    lane_observer: RecordingLaneObserver = field(default_factory=RecordingLaneObserver)
    lanes: list[Lane] = field(default_factory=list)
    _desired: dict[str, list[str]] = field(default_factory=dict)

    def desire(self, name: str, *versions: str) -> None:
        """Have the registry know these versions of a model as desired too, as yet loading."""
        mine = self._desired.setdefault(name, [])
        mine += [version for version in versions if version not in mine]
        models = [
            DesiredModel(name=each, versions=[DesiredVersion(version=version) for version in wanted])
            for each, wanted in self._desired.items()
        ]
        self.registry.desire(DesiredState(models=models))

    def serve(
        self, name: str, version: str, model: Model, limits: LaneLimits = LIMITS, executor: Executor | None = None
    ) -> Lane:
        """Desire a version and have it answer from now on; returns its lane."""
        self.desire(name, version)
        lane = Lane(model, limits, self.lane_observer, executor)
        self.lanes.append(lane)
        served = ServedVersion(name, version, model.signature, lane)
        report = replace(
            self.report,
            digest=f"{len(self.lanes):064x}",  # of each load its own, as if the files had changed
            inline_rows=model.inline_rows,
            example={each.name: np.full(each.shape[1:], 0.5, each.dtype) for each in model.signature.inputs},
        )
        self.registry.ready(served, report)
        return lane


@pytest.fixture
async def edge(make_tiny_bundle: MakeBundle) -> AsyncIterator[Edge]:
    """An application that serves nothing yet; `serve` adds a version."""
    state, registry, observer, gate = ServingState(), VersionRegistry(), RecordingObserver(), Gate(None)
    state.phase = Phase.SERVING
    watchdog = Watchdog(60.0)
    parsing = ParsingPool(INLINE_BODY_BYTES)
    pipeline = Pipeline(registry, DeadlineLimits(default_ms=30_000, longest_ms=60_000))
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    surroundings: Surroundings = {
        "state": state,
        "respond": error_response,
        "access_log": AccessLog(ALL_OF_THEM),
        "sites": SitePolicy(HOSTS, ORIGINS),
    }
    app.add_middleware(RequestScope, **surroundings)
    prefix = PathPrefix("", [ip_network("127.0.0.1")])
    document = ApiDocument(app, gate, registry, prefix)
    handlers = Handlers(
        gate=gate,
        index=Index("1.2.3", prefix),
        document=document,
        predict=PredictV1(gate, pipeline, observer, BodyReader(MAX_BODY_BYTES, PROGRESS_SECONDS), parsing),
        catalog=Catalog(registry),
        probes=Probes(state, registry, lambda: [("cuda:0", 1, 2)], watchdog.overdue),
        metrics=MetricsEndpoint(lambda _: (b"up 1\n", "text/plain; version=test")),
    )
    install_routes(app, handlers)
    asgi = PredictRoutes(app, RequestScope(handlers.predict, **surroundings), PREDICT_ROUTES)
    transport = httpx.ASGITransport(asgi)
    async with httpx.AsyncClient(transport=transport, base_url="http://plimsoll") as client:
        made = Edge(
            app, asgi, client, state, registry, observer, gate, document, report_on(make_tiny_bundle()), watchdog
        )
        yield made
        parsing.close()
        for lane in made.lanes:
            lane.close()
