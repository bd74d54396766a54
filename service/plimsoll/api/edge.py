"""Builds one ASGI application from routes, request scope and handlers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from fastapi import FastAPI
from starlette.types import ASGIApp, Lifespan

from plimsoll.api.access_log import AccessLog
from plimsoll.api.api_document import ApiDocument
from plimsoll.api.ask import Ask
from plimsoll.api.auth import Gate
from plimsoll.api.catalog import Catalog
from plimsoll.api.error_responses import error_response, settle
from plimsoll.api.front_routes import FRONT_ROUTES, FrontRoutes
from plimsoll.api.index import Index
from plimsoll.api.metrics_endpoint import MetricsEndpoint
from plimsoll.api.path_prefix import PathPrefix, PrefixedRoutes
from plimsoll.api.probes import Probes
from plimsoll.api.request_body import BodyReader
from plimsoll.api.request_scope import PROBES, RequestScope, Surroundings, identify
from plimsoll.api.routes import Handlers, described_application, install_routes
from plimsoll.api.serving_state import ServingState
from plimsoll.api.site_policy import SitePolicy
from plimsoll.control.version_registry import VersionRegistry
from plimsoll.inference.line import Line
from plimsoll.inference.ports import Observer
from plimsoll.rpc import parts as rpc
from plimsoll.rpc.parts import RpcParts


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
    """All parts of the edge; `metrics` is `None` if it has a port of its own."""

    version: str
    state: ServingState
    registry: VersionRegistry
    catalog: Catalog
    gate: Gate
    line: Line
    observer: Observer
    bodies: BodyReader
    probes: Probes
    metrics: MetricsEndpoint | None
    access_log: AccessLog
    sites: SitePolicy
    prefix: PathPrefix
    tracer: Tracer | None = None

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
            identify=identify,
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
        asks = {
            fronts: Ask(fronts, parts.gate, parts.line, parts.observer, parts.bodies)
            for fronts in dict.fromkeys(route.fronts for route in FRONT_ROUTES)
        }
        install_routes(
            self.app,
            Handlers(
                gate=parts.gate,
                index=Index(parts.version, parts.prefix),
                document=self.document,
                fronts={route.template: asks[route.fronts] for route in FRONT_ROUTES},
                catalog=parts.catalog,
                probes=parts.probes,
                metrics=parts.metrics,
            ),
        )
        if parts.tracer is not None:
            parts.tracer.instrument(self.app, PROBES)
        handlers = {fronts: self._surrounded(ask, parts) for fronts, ask in asks.items()}
        routes = FrontRoutes(self.app, {route.template: handlers[route.fronts] for route in FRONT_ROUTES})
        self.asgi: ASGIApp = PrefixedRoutes(routes, root_path) if root_path else routes

    @staticmethod
    def _surrounded(ask: Ask, parts: EdgeParts) -> ASGIApp:
        scoped = RequestScope(ask, **parts.surroundings())
        return scoped if parts.tracer is None else parts.tracer.around_predict(scoped)
