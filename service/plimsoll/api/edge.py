"""Builds the ASGI applications of the ports from routes, request scope and handlers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from fastapi import FastAPI
from starlette.types import ASGIApp, Lifespan

from plimsoll.api.access_log import AccessLog
from plimsoll.api.admin import Admin, admin_application
from plimsoll.api.api_document import ApiDocument
from plimsoll.api.ask import Ask
from plimsoll.api.auth import Gate
from plimsoll.api.catalog import Catalog
from plimsoll.api.error_responses import error_response, settle
from plimsoll.api.event_stream import EventStreams
from plimsoll.api.front_routes import FRONT_ROUTES, FrontRoutes
from plimsoll.api.index import Index
from plimsoll.api.metrics_endpoint import MetricsEndpoint
from plimsoll.api.model_in_body import Arrivals, ModelInBody
from plimsoll.api.oip_catalog import OipCatalog
from plimsoll.api.oip_health import OipHealth
from plimsoll.api.oip_repository import Repository, RepositoryIndex
from plimsoll.api.oip_routes import OipHandlers
from plimsoll.api.oip_statistics import OipStatistics
from plimsoll.api.openai_models import OpenAIModels
from plimsoll.api.path_prefix import PathPrefix, PrefixedRoutes
from plimsoll.api.probes import Probes
from plimsoll.api.request_body import BodyReader
from plimsoll.api.request_scope import PROBES, RequestScope, Surroundings, name_in_log
from plimsoll.api.routes import Handlers, described_application, install_routes
from plimsoll.api.serving_state import ServingState
from plimsoll.api.session import Sessions
from plimsoll.api.site_policy import SitePolicy
from plimsoll.bundle.shelf import Shelf
from plimsoll.control.desired_state_file import DesiredStateFile
from plimsoll.control.version_registry import VersionRegistry
from plimsoll.fronts import OPENAI, V1
from plimsoll.fronts.openai_request import model_named
from plimsoll.inference.admission import AdmissionLimits
from plimsoll.inference.line import Line
from plimsoll.inference.ports import Front, Observer
from plimsoll.rpc import parts as rpc
from plimsoll.rpc.parts import RpcParts
from plimsoll.telemetry.version_statistics import FiguresByVersion


class Tracer(Protocol):
    """Traces requests."""

    def instrument(self, app: FastAPI, never: Iterable[str]) -> None:
        """Trace the requests of a FastAPI application, except those to some paths."""
        ...

    def around_predict(self, predict: ASGIApp) -> ASGIApp:
        """A handler of the table of routes, traced."""
        ...


@dataclass(frozen=True, slots=True)
class EdgeParts:
    """All parts of the edge; `metrics` is `None` if it has a port of its own; `figures` reads those of versions.

    `arriving` limits the bodies that are read before their model is known.
    """

    version: str
    state: ServingState
    registry: VersionRegistry
    catalog: Catalog
    gate: Gate
    line: Line
    observer: Observer
    bodies: BodyReader
    arriving: AdmissionLimits
    probes: Probes
    metrics: MetricsEndpoint | None
    access_log: AccessLog
    sites: SitePolicy
    prefix: PathPrefix
    tracer: Tracer | None = None
    figures: Callable[[], FiguresByVersion] = dict

    def surroundings(self, sites: SitePolicy | None = None) -> Surroundings:
        """The arguments of the request scope of one port, which may have a site policy of its own."""
        return {
            "state": self.state,
            "respond": error_response,
            "access_log": self.access_log,
            "sites": sites or self.sites,
        }

    def for_rpc(self, tracer: rpc.Tracer | None) -> RpcParts:
        """The same parts for gRPC."""
        return RpcParts(
            version=self.version,
            line=self.line,
            gate=self.gate,
            state=self.state,
            registry=self.registry,
            observer=self.observer,
            access_log=self.access_log,
            settle=settle,
            identify=name_in_log,
            ready=self.probes.is_ready,
            live=self.probes.is_live,
            tracer=tracer,
        )


class Edge:
    """The main application: `asgi` answers requests and contains `app`; `document` describes `app`."""

    def __init__(self, parts: EdgeParts, lifespan: Lifespan[FastAPI] | None = None, root_path: str = "") -> None:
        self.app = described_application(parts.version, lifespan)
        self.app.add_middleware(RequestScope, **parts.surroundings())
        self.document = ApiDocument(self.app, parts.gate, parts.registry, parts.prefix)
        streams = EventStreams(parts.gate, parts.line, parts.observer, parts.state)
        asks: dict[Sequence[Front], ASGIApp] = {
            fronts: Ask(fronts, parts.gate, parts.line, parts.observer, parts.bodies, streams if fronts is V1 else None)
            for fronts in dict.fromkeys(route.fronts for route in FRONT_ROUTES)
        }
        arrivals = Arrivals(parts.gate, parts.bodies, parts.line.deadlines, parts.arriving)
        asks[OPENAI] = ModelInBody(asks[OPENAI], arrivals, model_named)
        sessions = Sessions(parts.gate, parts.registry, parts.line, parts.observer, parts.state)
        install_routes(
            self.app,
            Handlers(
                gate=parts.gate,
                index=Index(parts.version, parts.prefix),
                document=self.document,
                fronts={route.template: asks[route.fronts] for route in FRONT_ROUTES},
                catalog=parts.catalog,
                probes=parts.probes,
                oip=_oip_handlers(parts),
                openai=OpenAIModels(parts.registry),
                metrics=parts.metrics,
            ),
        )
        if parts.tracer is not None:
            parts.tracer.instrument(self.app, PROBES)
        handlers = {fronts: self._surrounded(ask, parts) for fronts, ask in asks.items()}
        by_template = {route.template: handlers[route.fronts] for route in FRONT_ROUTES}
        routes = FrontRoutes(self.app, by_template, RequestScope(sessions, **parts.surroundings()))
        self.asgi: ASGIApp = PrefixedRoutes(routes, root_path) if root_path else routes

    @staticmethod
    def _surrounded(ask: ASGIApp, parts: EdgeParts) -> ASGIApp:
        scoped = RequestScope(ask, **parts.surroundings())
        return scoped if parts.tracer is None else parts.tracer.around_predict(scoped)


def admin_edge(
    parts: EdgeParts, file: DesiredStateFile, shelf: Shelf, sites: SitePolicy, longest_load_seconds: float
) -> FastAPI:
    """The application of the admin port, which changes the desired state in `file`."""
    repository = Repository(file, parts.registry, parts.catalog, parts.state, longest_load_seconds)
    index = RepositoryIndex(parts.registry, parts.catalog, shelf)
    app = admin_application(parts.gate, Admin(file), parts.catalog, parts.version, repository, index)
    app.add_middleware(RequestScope, **parts.surroundings(sites))
    return app


def _oip_handlers(parts: EdgeParts) -> OipHandlers:
    return OipHandlers(
        OipHealth(parts.probes),
        OipCatalog(parts.registry, parts.state, parts.version),
        OipStatistics(parts.registry, parts.figures),
        RepositoryIndex(parts.registry, parts.catalog),
    )
