"""The HTTP edge over echo models: every real part of the room, none of torch."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from ipaddress import ip_network

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from plimsoll.api import edge as wiring
from plimsoll.api.access_log import AccessLog
from plimsoll.api.api_document import ApiDocument
from plimsoll.api.auth import Gate
from plimsoll.api.catalog import Catalog
from plimsoll.api.edge import EdgeParts
from plimsoll.api.metrics_endpoint import MetricsEndpoint
from plimsoll.api.path_prefix import PathPrefix
from plimsoll.api.probes import Probes
from plimsoll.api.request_body import BodyReader
from plimsoll.api.serving_state import Phase, ServingState
from plimsoll.api.site_policy import SitePolicy
from plimsoll.control.version_registry import LoadReport, VersionRegistry
from plimsoll.inference.admission import AdmissionLimits
from plimsoll.inference.batch_lane import BatchLane, LaneLimits
from plimsoll.inference.batch_limits import BatchLimits
from plimsoll.inference.deadlines import DeadlineLimits
from plimsoll.inference.line import Line
from plimsoll.inference.payloads import Signature
from plimsoll.inference.ports import Model, Task
from plimsoll.inference.reading_pool import ReadingPool
from plimsoll.inference.served_version import ServedVersion
from plimsoll.inference.watchdog import Watchdog
from plimsoll.tasks.tabular_classification import TabularClassification
from plimsoll.telemetry.version_statistics import VersionFigures
from starlette.types import ASGIApp

from tests.conftest import MakeBundle
from tests.doubles.bundles import report_on
from tests.doubles.observers import RecordingLaneObserver, RecordingObserver
from tests.doubles.registries import Wishes

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
    figures: dict[tuple[str, str], VersionFigures]
    lane_observer: RecordingLaneObserver = field(default_factory=RecordingLaneObserver)
    lanes: list[BatchLane] = field(default_factory=list)
    _wishes: Wishes = field(default_factory=Wishes)

    def desire(self, name: str, *versions: str) -> None:
        """Have the registry know these versions of a model as desired too, as yet loading."""
        self._wishes.add(self.registry, name, *versions)

    def serve(
        self,
        name: str,
        version: str,
        model: Model,
        limits: LaneLimits = LIMITS,
        executor: Executor | None = None,
        task: Callable[[Signature], Task] = TabularClassification,
    ) -> BatchLane:
        """Desire a version and have it answer from now on; returns its lane."""
        self.desire(name, version)
        lane = BatchLane(model, limits, self.lane_observer, executor)
        self.lanes.append(lane)
        served = ServedVersion(name, version, model.signature, task(model.signature), lane)
        report = replace(
            self.report,
            digest=f"{len(self.lanes):064x}",  # of each load its own, as if the files had changed
            inline_rows=model.inline_rows(),
            example={
                each.name: np.full(tuple(map(abs, each.shape[1:])), 0.5, each.dtype) for each in model.signature.inputs
            },
        )
        self.registry.ready(served, report)
        return lane


@pytest.fixture
async def edge(make_tiny_bundle: MakeBundle) -> AsyncIterator[Edge]:
    """An application that serves nothing yet; `serve` adds a version."""
    state, registry, observer, gate = ServingState(), VersionRegistry(), RecordingObserver(), Gate(None)
    state.phase = Phase.SERVING
    watchdog = Watchdog(60.0)
    reading = ReadingPool(INLINE_BODY_BYTES)
    figures: dict[tuple[str, str], VersionFigures] = {}
    parts = EdgeParts(
        version="1.2.3",
        state=state,
        registry=registry,
        catalog=Catalog(registry),
        gate=gate,
        line=Line(registry, DeadlineLimits(default_ms=30_000, longest_ms=60_000), reading, observer),
        observer=observer,
        bodies=BodyReader(MAX_BODY_BYTES, PROGRESS_SECONDS, reading),
        arriving=LIMITS.admission,
        probes=Probes(state, registry, lambda: [("cuda:0", 1, 2)], watchdog.overdue),
        metrics=MetricsEndpoint(lambda _: (b"up 1\n", "text/plain; version=test")),
        access_log=AccessLog(ALL_OF_THEM),
        sites=SitePolicy(HOSTS, ORIGINS),
        prefix=PathPrefix("", [ip_network("127.0.0.1")]),
        figures=lambda: figures,
    )
    wired = wiring.Edge(parts)
    transport = httpx.ASGITransport(wired.asgi)
    async with httpx.AsyncClient(transport=transport, base_url="http://plimsoll") as client:
        report = report_on(make_tiny_bundle())
        made = Edge(
            wired.app, wired.asgi, client, state, registry, observer, gate, wired.document, report, watchdog, figures
        )
        yield made
        reading.close()
        for lane in made.lanes:
            lane.close()
