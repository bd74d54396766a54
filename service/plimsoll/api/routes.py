"""The whole API, in reading order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig
from starlette.types import ASGIApp, Lifespan

from plimsoll.api.api_document import ApiDocument
from plimsoll.api.auth import Gate
from plimsoll.api.catalog import Catalog
from plimsoll.api.documentation import install_documentation
from plimsoll.api.error_responses import errors_of, install_error_handlers
from plimsoll.api.front_descriptions import description_of
from plimsoll.api.front_routes import FRONT_ROUTES, FrontRoute, by_router
from plimsoll.api.index import Index
from plimsoll.api.metrics_endpoint import MetricsEndpoint
from plimsoll.api.oip_routes import OipHandlers, install_oip_routes
from plimsoll.api.openai_models import OpenAIModels
from plimsoll.api.probes import Probes
from plimsoll.api.session_route import SESSION
from plimsoll.errors import ClientError
from plimsoll.fronts.openai_schema import OpenAIError

_NO_NATIVE_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "operation_spans": False}
"""FastAPI's own tracing is off, because the contrib instrumentation traces already: a request would get two spans."""
_TAGS = [
    {"name": "start", "description": "Where everything is."},
    {"name": "predict", "description": "Ask a model."},
    {"name": "open inference protocol", "description": "The same models for clients of Triton, KServe and MLServer."},
    {"name": "openai", "description": "Embeddings for clients of OpenAI's API."},
    {"name": "models", "description": "See what is served."},
    {"name": "health", "description": "For probes and for people."},
]


@dataclass(frozen=True, slots=True)
class Handlers:
    """All handlers: `fronts` by template; `metrics` is `None` if it has a port of its own."""

    gate: Gate
    index: Index
    document: ApiDocument
    fronts: Mapping[str, ASGIApp]
    catalog: Catalog
    probes: Probes
    oip: OipHandlers
    openai: OpenAIModels
    metrics: MetricsEndpoint | None


def described_application(version: str, lifespan: Lifespan[FastAPI] | None) -> FastAPI:
    """An application without routes, with the introduction of its OpenAPI document."""
    return FastAPI(
        title="Plimsoll",
        version=version,
        summary="Serves PyTorch models: checked before they take traffic, explainable under load.",
        lifespan=lifespan,
        openapi_url=None,  # FastAPI's own pages load their scripts from another origin
        redirect_slashes=False,  # a redirect would use the Host that the client has sent
        telemetry=_NO_NATIVE_TELEMETRY,
    )


def install_routes(app: FastAPI, handlers: Handlers) -> None:
    """Install every route and the error handlers on the application."""
    app.openapi_tags = _TAGS
    catalog, probes = handlers.catalog, handlers.probes

    _get(app, "/", handlers.index.page, "start", "Name, version and links", {})
    for route in FRONT_ROUTES:
        _describe(app, route, handlers.fronts[route.template])

    keyed = APIRouter(dependencies=[Depends(handlers.gate.requires("predict"))])
    missing = errors_of(401, 403, 404)
    _get(keyed, "/v1/models", catalog.models, "models", "List the models", errors_of(401, 403, 422))
    _get(keyed, "/v1/models/{name}", catalog.model, "models", "One model", missing)
    one = "/v1/models/{name}/versions/{version}"
    _get(keyed, one, catalog.version, "models", "One version of a model", missing)
    openai, errors = handlers.openai, errors_of(401, 403, 404, 503, body=OpenAIError)
    _get(keyed, "/openai/v1/models", openai.models, "openai", "The models that make embeddings", errors)
    _get(keyed, "/openai/v1/models/{name}", openai.model, "openai", "One model that makes embeddings", errors)
    _get(keyed, f"{one}/golden", catalog.golden, "models", "A request with its expected predictions", missing)
    keyed.add_api_route(SESSION, _expects_handshake, methods=["GET"], include_in_schema=False)

    unready: dict[int | str, dict[str, Any]] = {503: {"description": "Not ready; the body says why."}}
    _get(app, "/v1/health", probes.ready, "health", "Whether the server takes requests", unready)
    detailed = {**unready, **errors_of(401, 403)}
    _get(keyed, "/v1/health/detailed", probes.detailed, "health", "Memory, CPU, devices, versions", detailed)
    app.include_router(keyed)
    install_oip_routes(app, handlers.oip, handlers.gate)
    hung: dict[int | str, dict[str, Any]] = {503: {"description": "A forward pass hangs; restart the process."}}
    _get(app, "/livez", probes.live, "health", "Liveness probe", hung)
    _get(app, "/readyz", probes.ready, "health", "Readiness probe", unready)
    _get(app, "/startupz", probes.started, "health", "Startup probe", unready)

    install_documentation(app, handlers.document.reply)
    if handlers.metrics is not None:
        app.add_route("/metrics", handlers.metrics.scrape, methods=["GET"], include_in_schema=False)
    install_error_handlers(app)


def _describe(app: FastAPI, route: FrontRoute, handler: ASGIApp) -> None:
    """Describe a route of the table to FastAPI for the document; its handler answers it."""
    app.add_api_route(route.template, _described_only, methods=["POST"], **description_of(route))
    # FastAPI only describes the route. The handler answers it, without pydantic models and dependency injection.
    cast("APIRoute", app.routes[-1]).app = by_router(handler, route.template)


async def _expects_handshake() -> None:
    """Refuse what reaches the path of sessions as an ordinary request."""
    raise ClientError(
        "a session is a WebSocket, and this request is not the handshake of one", code="upgrade_required",
        expected="Upgrade: websocket, Connection: Upgrade, Sec-WebSocket-Version: 13 and Sec-WebSocket-Key, which a "
        "proxy on the way has to pass on",
    )  # fmt: skip


async def _described_only() -> None:
    """Never called."""


def _get(
    app: FastAPI | APIRouter,
    path: str,
    endpoint: Callable[..., Any],
    tag: str,
    summary: str,
    responses: dict[int | str, dict[str, Any]],
) -> None:
    app.add_api_route(path, endpoint, methods=["GET"], tags=[tag], summary=summary, responses=responses)
